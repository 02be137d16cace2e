{# The start of the UTC quarter of an hour that an instant lies in. #}
{% macro slot_of(instant) -%}
    date_trunc('hour', {{ instant }}) + (minute({{ instant }}) / 15) * interval '15' minute
{%- endmacro %}
