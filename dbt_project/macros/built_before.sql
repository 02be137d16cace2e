{# A table of this layer as earlier builds left it, or none on the first build. Models that compare themselves with
   their own past cannot use ref(): it would be a cycle. #}
{% macro built_before(name, layer='silver') -%}
    {%- do return(adapter.get_relation(database=target.database, schema=generate_schema_name(layer, none), identifier=name)) -%}
{%- endmacro %}
