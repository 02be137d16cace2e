{{ config(properties={'partitioned_by': "ARRAY['slot_month']"}) }}
with touched as (
    select distinct merchant_id, {{ slot_of('"time"') }} as slot
    from (
        select merchant_id, "time" from {{ ref('events') }}
        where {{ in_this_build('snapshot') }} and type = 'page.viewed'
        union all
        select merchant_id, "time" from {{ ref('duplicates') }}
        where displaced and {{ in_this_build('snapshot') }} and type = 'page.viewed'
    )
),

views as (
    select merchant_id, event_month, "time", {{ slot_of('"time"') }} as slot
    from {{ ref('events') }}
    where type = 'page.viewed'
),

-- Joined by slot, which is hashed; by time besides, because files know its least and greatest value, and not a slot's.
computed as (
    select t.merchant_id, t.slot, count(*) as page_views
    from views as v
    inner join touched as t
        on v.merchant_id = t.merchant_id and v.slot = t.slot and v.event_month = date_trunc('month', cast(t.slot as date))
        and v."time" >= t.slot and v."time" < t.slot + interval '15' minute
    group by t.merchant_id, t.slot
),

changed_values as (
    {{ changed_values(
        this if is_incremental() else none, 'touched', 'computed', ['merchant_id', 'slot'], {'page_views': 'bigint'}
    ) }}
)

select * from changed_values
