{# What one event does to a merchant's sales, one row per event. Money is DECIMAL(38,0) minor units: the largest quantity
   times the largest price does not fit 64 bits. What is taken back counts at its own time, and as a positive return.

   Each type is read by the fields that contract 1 gives it: a field that a type does not know may hold anything. No cast
   can fail. A number that the edge has promised and that is not there, or is beyond the contract's bounds, makes the
   event `unreadable`: it counts nothing, and the ledger shows it. #}
{% macro sales_types() -%}
    'order.placed', 'order.cancelled', 'refund.issued'
{%- endmacro %}

{# What a business key is the key of: orders and their cancellations share theirs. #}
{% macro business_key_kind(type) -%}
    if({{ type }} = 'refund.issued', 'refund', 'order')
{%- endmacro %}

{# The bounds of contract 1. #}
{% macro most_money() -%} bigint '10000000000000' {%- endmacro %}
{% macro most_quantity() -%} bigint '1000000' {%- endmacro %}

{% macro no_money() -%} decimal '00000000000000000000000000000000000000' {%- endmacro %}

{% macro money(expression) -%}
    coalesce(cast({{ expression }} as decimal(38, 0)), decimal '0')
{%- endmacro %}

{# A whole number of a JSON object, or null. Fields are taken one by one, by their exact name: a cast of the whole object
   to a row compares names without case, and fails on an event that has an unknown field named `Order_ID`. #}
{% macro integer_of(json, field) -%}
    try_cast(json_extract_scalar({{ json }}, '$.{{ field }}') as bigint)
{%- endmacro %}

{# Whether a number is there and within its bounds. #}
{% macro is_within(value, least, most) -%}
    coalesce({{ value }} between {{ least }} and {{ most }}, false)
{%- endmacro %}

{# Whether a number is within its bounds, or absent; null is absence, too. Parsing JSON is what a build's time is spent on:
   what was not read is looked at again only where the event's text has a field of that name, or one that it may hide. #}
{% macro is_within_or_absent(value, json, field, most) -%}
    if(
        {{ value }} is null,
        (strpos(data, '"{{ field }}":') = 0 and strpos(data, '\u') = 0)
        or coalesce(json_format(json_extract({{ json }}, '$.{{ field }}')), 'null') = 'null',
        {{ value }} between 0 and {{ most }}
    )
{%- endmacro %}

{# The lines of an order as rows; null where there is no list of lines. #}
{% macro order_lines_of(data) -%}
    transform(
        try_cast(json_extract({{ data }}, '$.items') as array(json)),
        line -> cast(
            row(
                {{ integer_of('line', 'quantity') }},
                {{ integer_of('line', 'unit_price_minor') }},
                {{ integer_of('line', 'amount_minor') }},
                {{ integer_of('line', 'discount_minor') }},
                line
            ) as row(quantity bigint, unit_price bigint, amount bigint, discount bigint, whole json)
        )
    )
{%- endmacro %}

{% macro is_readable_line(line) -%}
    {{ is_within(line ~ '.quantity', 1, most_quantity()) }}
    and coalesce({{ line }}.amount, {{ line }}.unit_price) is not null
    and {{ is_within_or_absent(line ~ '.unit_price', line ~ '.whole', 'unit_price_minor', most_money()) }}
    and {{ is_within_or_absent(line ~ '.amount', line ~ '.whole', 'amount_minor', most_money()) }}
    and {{ is_within_or_absent(line ~ '.discount', line ~ '.whole', 'discount_minor', most_money()) }}
{%- endmacro %}

{% macro sum_of_lines(amount) -%}
    reduce(lines, {{ no_money() }}, (total, line) -> total + {{ amount }}, total -> total)
{%- endmacro %}

{% macro sales_facts_of(events) -%}
    select
        event_month,
        event_date,
        merchant_id,
        source,
        id,
        type,
        coalesce(if(type = 'refund.issued', refund_id, order_id), '') as business_key,
        "time",
        {{ slot_of('"time"') }} as slot,
        accepted_at,
        edge,
        segment,
        seq,
        coalesce(currency_code, '') as named_currency,
        if(
            is_order and not unreadable,
            {{ sum_of_lines('coalesce(cast(line.amount as decimal(38, 0)), ' ~ money('line.quantity') ~ ' * ' ~ money('line.unit_price') ~ ')') }},
            decimal '0'
        ) as gross_sales,
        if(
            is_order and not unreadable,
            {{ money('discount_minor') }} + {{ sum_of_lines(money('line.discount')) }},
            decimal '0'
        ) as discounts,
        if(
            amount_minor is null or unreadable,
            decimal '0',
            {{ money('amount_minor') }} - {{ money('shipping_minor') }} - {{ money('tax_minor') }}
        ) as returns,
        {{ _given_or_taken_back('shipping_minor') }} as shipping,
        {{ _given_or_taken_back('tax_minor') }} as tax,
        if(is_order and not unreadable, 1, 0) as orders,
        if(
            is_order and not unreadable,
            reduce(lines, bigint '0', (total, line) -> total + line.quantity, total -> total),
            bigint '0'
        ) as units,
        unreadable
    from (
        select
            *,
            not (
                if(type = 'refund.issued', refund_id, order_id) is not null
                and if(type = 'order.cancelled', currency_code is not null or amount_minor is null, currency_code is not null)
                and if(type = 'refund.issued', amount_minor is not null, true)
                and if(is_order, lines is not null and all_match(lines, line -> {{ is_readable_line('line') }}), true)
                and if(is_order, true, {{ is_within_or_absent('amount_minor', 'data', 'amount_minor', most_money()) }})
                and if(is_order, {{ is_within_or_absent('discount_minor', 'data', 'discount_minor', most_money()) }}, true)
                and {{ is_within_or_absent('shipping_minor', 'data', 'shipping_minor', most_money()) }}
                and {{ is_within_or_absent('tax_minor', 'data', 'tax_minor', most_money()) }}
            ) as unreadable
        from (
            select
                *,
                type = 'order.placed' as is_order,
                if(type <> 'refund.issued', json_extract_scalar(data, '$.order_id')) as order_id,
                if(type = 'refund.issued', json_extract_scalar(data, '$.refund_id')) as refund_id,
                json_extract_scalar(data, '$.currency') as currency_code,
                if(type <> 'order.placed', {{ integer_of('data', 'amount_minor') }}) as amount_minor,
                if(type = 'order.placed', {{ integer_of('data', 'discount_minor') }}) as discount_minor,
                {{ integer_of('data', 'shipping_minor') }} as shipping_minor,
                {{ integer_of('data', 'tax_minor') }} as tax_minor,
                if(type = 'order.placed', {{ order_lines_of('data') }}) as lines
            from {{ events }}
            where type in ({{ sales_types() }})
        )
    )
{%- endmacro %}

{# Added by an order; taken back by a refund or a cancellation that names an amount. #}
{% macro _given_or_taken_back(part) -%}
    case
        when unreadable then decimal '0'
        when is_order then {{ money(part) }}
        when amount_minor is null then decimal '0'
        else -{{ money(part) }}
    end
{%- endmacro %}
