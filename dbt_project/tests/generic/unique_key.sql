{# Each row that is new to this build has its key, whole, and no other such row has the same. #}
{% test unique_key(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ in_this_build('snapshot') }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
