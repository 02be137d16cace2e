{# Sequences of a segment, folded into words of 64 bits: a bit for each position that is there. #}
{% macro word_of(seq) -%}
    {{ seq }} / 64
{%- endmacro %}

{% macro bits_of(seq) -%}
    bitwise_or_agg(bitwise_left_shift(bigint '1', cast({{ seq }} % 64 as integer)))
{%- endmacro %}
