{# The positions of a segment as a bitmap: a row for each word of 64 bits, a bit for each sequence that is there. #}
{% macro bitmap_word(seq) -%}
    {{ seq }} / 64
{%- endmacro %}

{% macro bitmap_bits(seq) -%}
    bitwise_or_agg(bitwise_left_shift(bigint '1', cast({{ seq }} % 64 as integer)))
{%- endmacro %}
