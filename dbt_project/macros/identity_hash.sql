{# 64 bits of an event's identity. Two identities may share them: only for asking who may have a copy, never for judging. #}
{% macro identity_hash(alias=none) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    from_big_endian_64(xxhash64(to_utf8(
        {{ prefix }}merchant_id || chr(0) || {{ prefix }}source || chr(0) || {{ prefix }}id || chr(0) || cast({{ prefix }}event_date as varchar)
    )))
{%- endmacro %}
