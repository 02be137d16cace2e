{{ config(materialized='ephemeral') }}
{%- set events = built_before('events') -%}
{%- set duplicates = built_before('duplicates') %}
-- All known copies of the identities that this build touches: those that have just arrived, the one that counts so far
-- and those that lost before. The first accepted wins, however late it arrives, so that any rebuild agrees.
with arrivals as (
    select * from {{ ref('arrivals') }}
),

identities as (
    select distinct event_month, event_date, merchant_id, source, id
    from arrivals
),

copies as (
    select {{ event_columns() }}, 'arrivals' as origin, cast(null as varchar) as former_verdict
    from arrivals
    {%- if events %}
    union all
    select {{ event_columns('e') }}, 'events', cast(null as varchar)
    from {{ events }} as e
    inner join identities as i
        on e.event_month = i.event_month and e.event_date = i.event_date and e.merchant_id = i.merchant_id
            and e.source = i.source and e.id = i.id
    {%- endif %}
    {%- if duplicates %}
    union all
    select {{ event_columns('d') }}, 'duplicates', d.verdict
    from {{ duplicates }} as d
    inner join identities as i
        on d.event_month = i.event_month and d.event_date = i.event_date and d.merchant_id = i.merchant_id
            and d.source = i.source and d.id = i.id
    {%- endif %}
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
    row_number() over (
        partition by event_date, merchant_id, source, id order by {{ acceptance_order() }}
    ) as place,
    first_value(row(type, "time", data)) over (
        partition by event_date, merchant_id, source, id order by {{ acceptance_order() }}
    ) = row(type, "time", data) as same_content
from positions
where delivery = 1
