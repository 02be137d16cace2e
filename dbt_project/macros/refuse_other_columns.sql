{# For the first build upon a copy of another version's tables, which has other columns if the definition has. One that is
   not there would be left out for ever, one that is there no more would stay empty. #}
{% macro refuse_other_columns(relation, wanted) -%}
    {%- set wanted = wanted | map('lower') | list -%}
    {%- set found = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {%- set differing = (wanted | reject('in', found) | list) + (found | reject('in', wanted) | list) -%}
    {%- if differing -%}
        {%- do exceptions.raise_compiler_error(
            'the definition has other columns than ' ~ relation ~ ', which was copied from the version that it is built beside: '
            ~ differing | join(', ') ~ '. They need all of history: reprocess without --since and --until'
        ) -%}
    {%- endif -%}
{%- endmacro %}
