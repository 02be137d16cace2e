{{ config(
    unique_key=['event_month', 'event_date', 'merchant_id', 'source', 'id'],
    properties={'partitioned_by': "ARRAY['event_month']"},
) }}
{%- set days = var('order_repeat_days') | int -%}
{%- set facts = built_before('sales_facts') %}
with changed_events as (
    select * from {{ ref('events') }} where {{ in_this_build('snapshot') }}
),

displaced_events as (
    select * from {{ ref('duplicates') }} where displaced and {{ in_this_build('snapshot') }}
),

changed as (
    {{ sales_facts_of('changed_events') }}
),

displaced as (
    {{ sales_facts_of('displaced_events') }}
),

-- From which instant on a business key's repeats must be judged again.
affected as (
    select merchant_id, type, business_key, min("time") as since, min(event_date) as first_day, max(event_date) as last_day
    from (
        select merchant_id, type, business_key, "time", event_date from changed
        union all
        select merchant_id, type, business_key, "time", event_date from displaced
    )
    group by merchant_id, type, business_key
),

{%- if facts %}
former as (
    select f.*
    from {{ facts }} as f
    inner join affected as a
        on f.merchant_id = a.merchant_id and f.type = a.type and f.business_key = a.business_key
    where
        not f.replaced
        and f.event_date between a.first_day - interval '{{ days + 1 }}' day and a.last_day + interval '{{ days + 1 }}' day
        and f.event_month between
            (select date_trunc('month', min(first_day) - interval '{{ days + 1 }}' day) from affected)
            and (select max(last_day) + interval '{{ days + 1 }}' day from affected)
        -- An event that has been replaced under its identity is judged by what replaced it.
        and not exists (
            select 1 from changed_events as c
            where
                c.event_month = f.event_month and c.event_date = f.event_date and c.merchant_id = f.merchant_id and c.source = f.source
                and c.id = f.id
        )
),

-- Identities whose event that counts is no longer one of sales: they stay, count nothing and make nothing a repeat.
voided as (
    select f.*
    from {{ facts }} as f
    inner join changed_events as c
        on c.event_month = f.event_month and c.event_date = f.event_date and c.merchant_id = f.merchant_id and c.source = f.source and c.id = f.id
    where c.type not in ({{ sales_types() }})
),
{%- endif %}

known as (
    select *, cast(null as boolean) as counted_before from changed
    {%- if facts %}
    union all
    select
        event_month, event_date, merchant_id, source, id, type, business_key, "time", slot, accepted_at, edge, segment,
        seq, currency, gross_sales, discounts, returns, shipping, tax, orders, orders_cancelled, units, counted
    from former
    {%- endif %}
),

judged as (
    select
        k.*,
        coalesce(
            k."time" - interval '{{ days }}' day > lag(k."time") over (
                partition by k.merchant_id, k.type, k.business_key
                order by k."time", k.accepted_at, k.edge, k.segment, k.seq
            ),
            true
        ) as counted
    from known as k
)

select
    j.event_month, j.event_date, j.merchant_id, j.source, j.id, j.type, j.business_key, j."time", j.slot, j.accepted_at,
    j.edge, j.segment, j.seq, j.currency, j.gross_sales, j.discounts, j.returns, j.shipping, j.tax, j.orders,
    j.orders_cancelled, j.units, j.counted,
    false as replaced,
    cast({{ var('snapshot') }} as bigint) as snapshot
from judged as j
inner join affected as a
    on j.merchant_id = a.merchant_id and j.type = a.type and j.business_key = a.business_key
where j.counted_before is null or (j."time" >= a.since and j.counted <> j.counted_before)
{%- if facts %}
union all
select
    event_month, event_date, merchant_id, source, id, type, business_key, "time", slot, accepted_at, edge, segment, seq,
    currency, gross_sales, discounts, returns, shipping, tax, orders, orders_cancelled, units, false, true,
    cast({{ var('snapshot') }} as bigint)
from voided
{%- endif %}
