{# Overrides dbt's generate_schema_name, which would put the target's schema in front: the schema is that of the gold
   version. The physical schema of a layer: `gold_v3` holds the gold tables of version 3. A sandbox is one schema for all layers. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none or target.name == 'sandbox' -%}
        {{ target.schema }}
    {%- else -%}
        {{ custom_schema_name | trim }}_v{{ var('gold_version') }}
    {%- endif -%}
{%- endmacro %}
