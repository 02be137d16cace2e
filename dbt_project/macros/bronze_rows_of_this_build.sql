{# The bronze rows of the commits of this build. A build from the beginning reads the table at a version, all of it or a
   slice; a cycle reads the change feed, which names the commit of every row, so that a late segment is never skipped.
   The search for an event that the models cannot take bounds them besides, in the order of acceptance. #}
{% macro bronze_rows_of_this_build(relation) -%}
    {%- if var('from_version') | int >= 0 -%}
    table(lake.system.table_changes(
        schema_name => '{{ relation.schema }}',
        table_name => '{{ relation.identifier }}',
        since_version => {{ var('from_version') }}
    ))
    where _change_type = 'insert' and _commit_version <= {{ var('to_version') }}
    {%- else -%}
    {{ relation }}{{ ' for version as of ' ~ var('to_version') if var('to_version') | int >= 0 }}
    where true
    {%- if var('since') %}
        and "time" >= timestamp '{{ var('since') }}'
    {%- endif %}
    {%- if var('until') %}
        and "time" < timestamp '{{ var('until') }}'
    {%- endif %}
    {%- endif -%}
    {%- if var('up_to') == 'nothing' %}
        and false
    {%- elif var('up_to') %}
        and {{ position_of() }} <= {{ position_literal(var('up_to')) }}
    {%- endif -%}
{%- endmacro %}
