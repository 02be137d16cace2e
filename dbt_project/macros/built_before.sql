{# A table of this layer as earlier builds left it, or none on the first build. Models that compare themselves with
   their own past cannot use ref(): it would be a cycle. A full refresh, as every build of a sandbox is, has no past. #}
{% macro built_before(name, layer='silver') -%}
    {%- do return(none if flags.FULL_REFRESH else adapter.get_relation(database=target.database, schema=generate_schema_name(layer, none), identifier=name)) -%}
{%- endmacro %}

{# The same for what asks only for the UTC days of this build's events: of days that are added there is nothing. #}
{% macro built_in_these_days(name) -%}
    {%- do return(none if var('adds_days') else built_before(name)) -%}
{%- endmacro %}
