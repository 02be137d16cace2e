{# What one event does to a merchant's sales, one row per event. Money is DECIMAL(38,0) minor units: the largest quantity
   times the largest price does not fit 64 bits. What is taken back counts at its own time, and as a positive return. #}
{% macro sales_types() -%}
    'order.placed', 'order.cancelled', 'refund.issued'
{%- endmacro %}

{% macro money(expression) -%}
    coalesce(cast({{ expression }} as decimal(38, 0)), decimal '0')
{%- endmacro %}

{# A whole number of a JSON object. Fields are taken one by one, by their exact name: a cast of the whole object to a row
   compares names without case, and fails on an event that has an unknown field named `Order_ID`. #}
{% macro integer_of(json, field) -%}
    cast(json_extract_scalar({{ json }}, '$.{{ field }}') as bigint)
{%- endmacro %}

{% macro sales_facts_of(events) -%}
    select
        event_month,
        event_date,
        merchant_id,
        source,
        id,
        type,
        if(type = 'refund.issued', refund_id, order_id) as business_key,
        "time",
        {{ slot_of('"time"') }} as slot,
        accepted_at,
        edge,
        segment,
        seq,
        coalesce(currency_code, '') as currency,
        if(
            type = 'order.placed',
            reduce(
                items,
                decimal '00000000000000000000000000000000000000',
                (total, line) -> total + coalesce(
                    cast({{ integer_of('line', 'amount_minor') }} as decimal(38, 0)),
                    {{ money(integer_of('line', 'quantity')) }} * {{ money(integer_of('line', 'unit_price_minor')) }}
                ),
                total -> total
            ),
            decimal '0'
        ) as gross_sales,
        if(
            type = 'order.placed',
            {{ money('discount_minor') }} + reduce(
                items,
                decimal '00000000000000000000000000000000000000',
                (total, line) -> total + {{ money(integer_of('line', 'discount_minor')) }},
                total -> total
            ),
            decimal '0'
        ) as discounts,
        if(
            type = 'order.placed' or amount_minor is null,
            decimal '0',
            {{ money('amount_minor') }} - {{ money('shipping_minor') }} - {{ money('tax_minor') }}
        ) as returns,
        {{ _given_or_taken_back('shipping_minor') }} as shipping,
        {{ _given_or_taken_back('tax_minor') }} as tax,
        if(type = 'order.placed', 1, 0) as orders,
        if(type = 'order.cancelled', 1, 0) as orders_cancelled,
        if(
            type = 'order.placed',
            reduce(items, bigint '0', (total, line) -> total + {{ integer_of('line', 'quantity') }}, total -> total),
            bigint '0'
        ) as units
    from (
        select
            *,
            json_extract_scalar(data, '$.order_id') as order_id,
            json_extract_scalar(data, '$.refund_id') as refund_id,
            json_extract_scalar(data, '$.currency') as currency_code,
            {{ integer_of('data', 'amount_minor') }} as amount_minor,
            {{ integer_of('data', 'discount_minor') }} as discount_minor,
            {{ integer_of('data', 'shipping_minor') }} as shipping_minor,
            {{ integer_of('data', 'tax_minor') }} as tax_minor,
            if(type = 'order.placed', cast(json_extract(data, '$.items') as array(json))) as items
        from {{ events }}
        where type in ({{ sales_types() }})
    )
{%- endmacro %}

{# Added by an order; taken back by a refund or a cancellation that names an amount. #}
{% macro _given_or_taken_back(part) -%}
    case
        when type = 'order.placed' then {{ money(part) }}
        when amount_minor is null then decimal '0'
        else -{{ money(part) }}
    end
{%- endmacro %}
