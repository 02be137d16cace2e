{# Each row of this build's snapshot, where `rows` holds, was made of a row of the parent. dbt's own test of relationships
   compares one column, of all of history; and what earlier snapshots showed may have lost its parent since.

   Tagged `sandbox_only`, it is left out of cycles, which would pay a scan of the parent's months for what their audits tell
   in sums; in a sandbox all rows of what was built are of one snapshot.

   `columns`: the parent's column, by that of the model. With `slot_of_time`, the row's slot is that of the parent's
   time. #}
{% test has_parent(model, to, columns, rows='true', slot_of_time=false) %}
-- The new rows are held in memory, the parent's go by them.
select child.*
from {{ to }} as parent
right join (
    select * from {{ model }} where snapshot = {{ var('snapshot') }} and ({{ rows }})
) as child
    on
        {% for column, of_parent in columns.items() -%}
        parent.{{ of_parent }} = child.{{ column }}{{ ' and ' if not loop.last }}
        {%- endfor %}
        {%- if slot_of_time %}
        and parent."time" >= child.slot and parent."time" < child.slot + interval '15' minute
        {%- endif %}
where parent.{{ columns.values() | first }} is null
{% endtest %}
