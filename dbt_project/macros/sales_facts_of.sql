{# What one event does to a merchant's sales, one row per event. Money is DECIMAL(38,0) minor units: the largest quantity
   times the largest price does not fit 64 bits. What is taken back counts at its own time, and as a positive return. #}
{% macro sales_types() -%}
    'order.placed', 'order.cancelled', 'refund.issued'
{%- endmacro %}

{% macro money(expression) -%}
    coalesce(cast({{ expression }} as decimal(38, 0)), decimal '0')
{%- endmacro %}

{% macro sales_facts_of(events) -%}
    select
        event_date,
        merchant_id,
        source,
        id,
        type,
        if(type = 'refund.issued', body.refund_id, body.order_id) as business_key,
        "time",
        {{ slot_of('"time"') }} as slot,
        accepted_at,
        edge,
        segment,
        seq,
        coalesce(body.currency, '') as currency,
        if(
            type = 'order.placed',
            reduce(
                body.items,
                decimal '00000000000000000000000000000000000000',
                (total, line) -> total + coalesce(
                    cast(line.amount_minor as decimal(38, 0)),
                    {{ money('line.quantity') }} * {{ money('line.unit_price_minor') }}
                ),
                total -> total
            ),
            decimal '0'
        ) as gross_sales,
        if(
            type = 'order.placed',
            {{ money('body.discount_minor') }} + reduce(
                body.items,
                decimal '00000000000000000000000000000000000000',
                (total, line) -> total + {{ money('line.discount_minor') }},
                total -> total
            ),
            decimal '0'
        ) as discounts,
        if(
            type = 'order.placed' or body.amount_minor is null,
            decimal '0',
            {{ money('body.amount_minor') }} - {{ money('body.shipping_minor') }} - {{ money('body.tax_minor') }}
        ) as returns,
        {{ _given_or_taken_back('body.shipping_minor') }} as shipping,
        {{ _given_or_taken_back('body.tax_minor') }} as tax,
        if(type = 'order.placed', 1, 0) as orders,
        if(type = 'order.cancelled', 1, 0) as orders_cancelled,
        if(
            type = 'order.placed',
            reduce(body.items, bigint '0', (total, line) -> total + line.quantity, total -> total),
            bigint '0'
        ) as units
    from (
        select
            *,
            cast(json_parse(data) as row(
                order_id varchar,
                refund_id varchar,
                currency varchar,
                amount_minor bigint,
                discount_minor bigint,
                shipping_minor bigint,
                tax_minor bigint,
                items array(row(
                    quantity bigint, unit_price_minor bigint, amount_minor bigint, discount_minor bigint
                ))
            )) as body
        from {{ events }}
        where type in ({{ sales_types() }})
    )
{%- endmacro %}

{# Added by an order; taken back by a refund or a cancellation that names an amount. #}
{% macro _given_or_taken_back(part) -%}
    case
        when type = 'order.placed' then {{ money(part) }}
        when body.amount_minor is null then decimal '0'
        else -{{ money(part) }}
    end
{%- endmacro %}
