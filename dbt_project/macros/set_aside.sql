{# Events that this version's models cannot take, found by a cycle that failed on them twice. They are written to
   silver.duplicates with the verdict `set_aside`, and count nowhere. #}

{# A text of a variable in SQL. #}
{% macro text_literal(text) -%}
    '{{ text | string | replace("'", "''") }}'
{%- endmacro %}

{# A position in the order of acceptance, as a row that compares. #}
{% macro position_literal(position) -%}
    row(timestamp '{{ position.accepted_at }}', {{ text_literal(position.edge) }}, {{ text_literal(position.segment) }}, bigint '{{ position.seq }}')
{%- endmacro %}

{% macro position_of(alias=none) -%}
    row({{ acceptance_order(alias) }})
{%- endmacro %}

{# The words of the rule that an arrival meets; null where it meets none. #}
{% macro set_aside_detail(alias) -%}
    {%- if var('set_aside') -%}
    case
        {%- for rule in var('set_aside') %}
        when {{ alias }}.merchant_id = {{ text_literal(rule.merchant_id) }} and {{ alias }}.type = {{ text_literal(rule.type) }}
            and {{ position_of(alias) }} {{ '>=' if rule.and_all_after else '=' }} {{ position_literal(rule.position) }}
            then {{ text_literal(rule.words) }}
        {%- endfor %}
    end
    {%- else -%}
    cast(null as varchar)
    {%- endif -%}
{%- endmacro %}

{# A condition on arrivals that are counted. #}
{% macro is_not_set_aside(alias) -%}
    {{ set_aside_detail(alias) }} is null
{%- endmacro %}
