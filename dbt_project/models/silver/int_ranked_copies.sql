{{ config(materialized='ephemeral') }}
{%- set events = earlier_events() -%}
{%- set duplicates = earlier_duplicates() %}
-- All known copies of the identities that may have several: those that have just arrived, the one that counts so far and those that
-- lost before. The first accepted wins, however late it arrives, so that any rebuild agrees.
-- depends_on: {{ ref('touched_days') }}
with known as (
    select {{ event_columns('a') }}, 'arrivals' as origin, cast(null as varchar) as former_verdict,
        cast(null as varchar) as former_detail
    from {{ ref('arrivals') }} as a
    where {{ is_not_set_aside('a') }}
    {%- if events or duplicates %}
    union all
    select f.*
    from (
        {%- if events %}
        select {{ event_columns() }}, 'events' as origin, cast(null as varchar) as former_verdict,
            cast(null as varchar) as former_detail
        from {{ events }}
        {%- endif %}
        {{ 'union all' if events and duplicates }}
        {%- if duplicates %}
        select {{ event_columns() }}, 'duplicates' as origin, verdict as former_verdict, detail as former_detail
        from {{ duplicates }}
        {%- endif %}
    ) as f
    inner join {{ ref('touched_days') }} as d on f.event_month = d.event_month and f.event_date = d.event_date
    {%- endif %}
),

copies as (
    select k.*
    from known as k
    inner join {{ ref('int_duplicate_candidates') }} as c on {{ identity_hash('k') }} = c.identity_hash
),

-- A position can be delivered more than once; its copies are equal, and what silver has is kept.
positions as (
    select
        *,
        row_number() over (
            partition by edge, segment, seq
            order by case origin when 'events' then 0 when 'duplicates' then 1 else 2 end
        ) as delivery
    from copies
)

select
    {{ event_columns() }},
    origin,
    former_verdict,
    former_detail,
    row_number() over (
        partition by event_date, merchant_id, source, id order by {{ acceptance_order() }}
    ) as place,
    first_value(row(type, "time", data)) over (
        partition by event_date, merchant_id, source, id order by {{ acceptance_order() }}
    ) = row(type, "time", data) as same_content,
    first_value(edge || '/' || segment || '/' || cast(seq as varchar)) over (
        partition by event_date, merchant_id, source, id order by {{ acceptance_order() }}
    ) as first_position
from positions
-- What was set aside competes with nothing, also when it is delivered again.
where delivery = 1 and former_verdict is distinct from 'set_aside'
