{# A silver table as earlier builds left it; none on the first build, and in a full refresh, as every build of a sandbox
   is. A model that reads its own table uses dbt's is_incremental() and this. These are for models that look at a table
   which is made of them: ref() would be a cycle. #}
{% macro before_this_build(name) -%}
    {%- do return(none if flags.FULL_REFRESH else adapter.get_relation(database=target.database, schema=generate_schema_name('silver', none), identifier=name)) -%}
{%- endmacro %}

{# For what asks only for the UTC days of this build's events: of days that no build before it had there is nothing. Two
   macros without arguments, so that a unit test can put rows in the place of each. #}
{% macro earlier_events() -%}
    {%- do return(none if var('adds_days') else before_this_build('events')) -%}
{%- endmacro %}

{% macro earlier_duplicates() -%}
    {%- do return(none if var('adds_days') else before_this_build('duplicates')) -%}
{%- endmacro %}
