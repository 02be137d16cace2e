{# Whether a row is new to this build: what a cycle or a slice has just written upstream, and has to be worked on. A
   sandbox builds what it selects from all that there is: the tables that it reads are a release's, written by many
   snapshots. #}
{% macro in_this_build(snapshot) -%}
    {{ 'true' if target.name == 'sandbox' else snapshot ~ ' > ' ~ var('previous_snapshot') ~ ' and ' ~ snapshot ~ ' <= ' ~ var('snapshot') }}
{%- endmacro %}
