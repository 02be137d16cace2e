{# Whether a row is new to this build: what a cycle or a slice has just written upstream, and has to be worked on. A
   sandbox builds from all that there is, and sets these bounds so that everything is within. #}
{% macro in_this_build(snapshot) -%}
    {{ snapshot }} > {{ var('previous_snapshot') }} and {{ snapshot }} <= {{ var('snapshot') }}
{%- endmacro %}
