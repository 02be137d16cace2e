{{ config(
    unique_key=['event_month', 'event_date', 'merchant_id', 'source', 'id'],
    properties={'partitioned_by': "ARRAY['event_month']"},
) }}
{%- set days = var('order_repeat_days') | int -%}
{%- set facts = this if is_incremental() else none %}
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

-- Between which instants what has a business key must be judged again: an order that comes late may make another one a
-- repeat, and tells the currency of its cancellations.
affected as (
    select
        merchant_id, {{ business_key_kind('type') }} as kind, business_key, min("time") as since,
        max("time") + interval '{{ days }}' day as until, min(event_date) as first_day, max(event_date) as last_day
    from (
        select merchant_id, type, business_key, "time", event_date from changed
        union all
        select merchant_id, type, business_key, "time", event_date from displaced
    ) as judged_again
    group by 1, 2, 3
),
{%- if facts %}

former as (
    select f.*
    from {{ facts }} as f
    inner join affected as a
        on f.merchant_id = a.merchant_id and {{ business_key_kind('f.type') }} = a.kind and f.business_key = a.business_key
    where
        not f.replaced
        and f.event_date between a.first_day - interval '{{ days + 1 }}' day and a.last_day + interval '{{ days + 1 }}' day
        and f.event_month between
            (select date_trunc('month', min(affected.first_day) - interval '{{ days + 1 }}' day) from affected)
            and (select max(affected.last_day) + interval '{{ days + 1 }}' day from affected)
        -- An event that has been replaced under its identity is judged by what replaced it.
        and not exists (
            select 1 from changed_events as c
            where
                c.event_month = f.event_month and c.event_date = f.event_date and c.merchant_id = f.merchant_id
                and c.source = f.source and c.id = f.id
        )
),

-- Identities whose event that counts is no longer one of sales: they stay, count nothing and make nothing a repeat.
voided as (
    select f.*
    from {{ facts }} as f
    inner join changed_events as c
        on f.event_month = c.event_month and f.event_date = c.event_date and f.merchant_id = c.merchant_id
            and f.source = c.source and f.id = c.id
    where c.type not in ({{ sales_types() }})
),
{%- endif %}

known as (
    select
        *, cast(null as boolean) as counted_before, cast(null as bigint) as cancelled_before,
        cast(null as varchar) as currency_before
    from changed
    {%- if facts %}
    union all
    select
        event_month, event_date, merchant_id, source, id, type, business_key, "time", slot, accepted_at, edge, segment,
        seq, named_currency, gross_sales, discounts, returns, shipping, tax, orders, units, unreadable, counted,
        orders_cancelled, currency
    from former
    {%- endif %}
),

-- One pass in the order of time: what has the same key, is of the same kind and came before, and which order a
-- cancellation is of. Of what happened at one instant, orders come first.
compared as (
    select
        *,
        max(if(type = 'order.placed' and not unreadable, "time")) over before as order_before,
        max(if(type <> 'order.placed' and not unreadable, "time")) over before as other_before,
        max_by(named_currency, if(type = 'order.placed' and not unreadable, "time")) over before as currency_before_it
    from known
    window before as (
        partition by merchant_id, {{ business_key_kind('type') }}, business_key
        order by "time", type <> 'order.placed', accepted_at, edge, segment, seq
        rows between unbounded preceding and 1 preceding
    )
),

repeats as (
    select
        *,
        not unreadable and coalesce(
            "time" - interval '{{ days }}' day > if(type = 'order.placed', order_before, other_before), true
        ) as is_first,
        if(order_before >= "time" - interval '{{ days }}' day, currency_before_it) as currency_of_order
    from compared
),

-- A cancellation moves its own money, however often its order is cancelled; the order is cancelled once.
judged as (
    select
        *,
        is_first or (type = 'order.cancelled' and not unreadable) as counted,
        if(type = 'order.cancelled' and is_first, 1, 0) as orders_cancelled,
        if(
            type = 'order.cancelled' and named_currency = '', coalesce(currency_of_order, ''), named_currency
        ) as currency
    from repeats
)

select
    j.event_month, j.event_date, j.merchant_id, j.source, j.id, j.type, j.business_key, j."time", j.slot, j.accepted_at,
    j.edge, j.segment, j.seq, j.named_currency, j.currency, j.gross_sales, j.discounts, j.returns, j.shipping, j.tax,
    j.orders, j.orders_cancelled, j.units, j.unreadable, j.counted,
    false as replaced,
    cast({{ var('snapshot') }} as bigint) as snapshot
from judged as j
inner join affected as a
    on j.merchant_id = a.merchant_id and {{ business_key_kind('j.type') }} = a.kind and j.business_key = a.business_key
where
    j.counted_before is null
    or (
        j."time" between a.since and a.until
        and row(j.counted, j.orders_cancelled, j.currency) <> row(j.counted_before, j.cancelled_before, j.currency_before)
    )
{%- if facts %}
union all
select
    event_month, event_date, merchant_id, source, id, type, business_key, "time", slot, accepted_at, edge, segment, seq,
    named_currency, currency, gross_sales, discounts, returns, shipping, tax, orders, orders_cancelled, units, unreadable,
    false as counted, true as replaced,
    cast({{ var('snapshot') }} as bigint) as snapshot
from voided
{%- endif %}
