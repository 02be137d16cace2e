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

computed as (
    select t.merchant_id, t.slot, count(*) as page_views
    from {{ ref('events') }} as e
    inner join touched as t
        on e.merchant_id = t.merchant_id and e.event_month = date_trunc('month', cast(t.slot as date))
        and e."time" >= t.slot and e."time" < t.slot + interval '15' minute
    where e.type = 'page.viewed'
    group by t.merchant_id, t.slot
),

new_values as (
    {{ new_values('merchant_traffic', 'touched', 'computed', ['merchant_id', 'slot'], {'page_views': 'bigint'}) }}
)

select * from new_values
