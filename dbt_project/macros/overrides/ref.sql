{# Overrides dbt's ref(), because a gold version may share tables with another one, and dbt knows no relation at a
   version. A model's table; where the build shares it with another gold version, that version's, as of a Delta version. #}
{% macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- set shared = var('shared', {}).get(relation.identifier) if execute else none -%}
    {%- do return(shared if shared else relation) -%}
{%- endmacro %}
