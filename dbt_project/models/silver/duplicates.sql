{{ config(
    unique_key=['event_month', 'event_date', 'edge', 'segment', 'seq'],
    properties={'partitioned_by': "ARRAY['event_month']"},
    meta={'stays_in_its_days': true},
) }}
{%- set former = [earlier_events(), earlier_duplicates()] | select | list %}
-- depends_on: {{ ref('arrivals') }}
with losers as (
    select
        *,
        if(same_content, 'duplicate', 'conflicting_duplicate') as verdict,
        if(not same_content, 'another one was accepted first, as ' || first_position) as conflict
    from {{ ref('int_ranked_copies') }}
    where place > 1
)
{%- if var('set_aside') %},

-- A position that has a verdict keeps it.
set_aside as (  -- noqa: ST03
    select a.*, {{ set_aside_detail('a') }} as detail, row_number() over (partition by a.edge, a.segment, a.seq) as delivery
    from {{ ref('arrivals') }} as a
    {%- for relation in former %}
    left join {{ relation }} as f{{ loop.index }}
        on a.event_month = f{{ loop.index }}.event_month and a.event_date = f{{ loop.index }}.event_date
            and a.edge = f{{ loop.index }}.edge and a.segment = f{{ loop.index }}.segment and a.seq = f{{ loop.index }}.seq
    {%- endfor %}
    where not ({{ is_not_set_aside('a') }})
        {%- for relation in former %}
        and f{{ loop.index }}.seq is null
        {%- endfor %}
)
{%- endif %}

select
    {{ event_columns() }},
    verdict,
    conflict as detail,
    origin = 'events' as displaced,
    cast({{ var('snapshot') }} as bigint) as snapshot
from losers
where origin <> 'duplicates' or verdict <> former_verdict or conflict is distinct from former_detail
{%- if var('set_aside') %}
union all
select
    {{ event_columns() }},
    'set_aside',
    detail,
    false,
    cast({{ var('snapshot') }} as bigint)
from set_aside
where delivery = 1
{%- endif %}
