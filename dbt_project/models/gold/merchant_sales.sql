{{ config(properties={'partitioned_by': "ARRAY['slot_month']"}) }}
with touched as (
    select distinct merchant_id, slot
    from (
        select merchant_id, slot from {{ ref('sales_facts') }} where {{ in_this_build('snapshot') }}
        union all
        select merchant_id, {{ slot_of('"time"') }} as slot from {{ ref('duplicates') }}
        where displaced and {{ in_this_build('snapshot') }} and type in ({{ sales_types() }})
    )
),

computed as (
    select
        f.merchant_id,
        f.slot,
        f.currency,
        sum(f.gross_sales) as gross_sales,
        sum(f.discounts) as discounts,
        sum(f.returns) as returns,
        sum(f.shipping) as shipping,
        sum(f.tax) as tax,
        sum(f.orders) as orders,
        sum(f.orders_cancelled) as orders_cancelled,
        sum(f.units) as units
    from {{ ref('sales_facts') }} as f
    inner join touched as t
        on f.merchant_id = t.merchant_id and f.slot = t.slot
            and f.event_month = date_trunc('month', cast(t.slot as date))
    where f.counted
    group by f.merchant_id, f.slot, f.currency
),

changed_values as (
    {{ changed_values(
        this if is_incremental() else none, 'touched', 'computed', ['merchant_id', 'slot', 'currency'],
        {
            'gross_sales': 'decimal(38, 0)', 'discounts': 'decimal(38, 0)', 'returns': 'decimal(38, 0)',
            'shipping': 'decimal(38, 0)', 'tax': 'decimal(38, 0)', 'orders': 'bigint', 'orders_cancelled': 'bigint',
            'units': 'bigint',
        },
    ) }}
)

select * from changed_values
