{# The columns that an event keeps on its way through silver, in order. #}
{% macro event_columns(alias=none) -%}
    {%- set columns = [
        'event_month', 'event_date', 'merchant_id', 'source', 'id', 'type', 'time', 'accepted_at', 'edge', 'segment', 'seq',
        'subject', 'extensions', 'replay_of', 'data',
    ] -%}
    {%- for column in columns -%}
        {{ alias ~ '.' if alias else '' }}{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# The order of acceptance, which decides who came first. It is the same in Kafka and in raw files. #}
{% macro acceptance_order(alias=none) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {{ prefix }}accepted_at, {{ prefix }}edge, {{ prefix }}segment, {{ prefix }}seq
{%- endmacro %}
