-- On the days that this build touched, what gold shows equals what silver counts, per currency and in every measure.
{%- set measures = ['gross_sales', 'discounts', 'returns', 'shipping', 'tax', 'orders', 'orders_cancelled', 'units'] %}
with days as (
    select distinct slot_date from {{ ref('merchant_sales') }} where snapshot = {{ var('snapshot') }}
),

shown as (
    select
        slot_date,
        currency,
        {% for measure in measures %}max_by({{ measure }}, snapshot) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ ref('merchant_sales') }}
    where slot_date in (select slot_date from days)
    group by slot_date, merchant_id, slot, currency
),

gold as (
    select
        slot_date,
        currency,
        {% for measure in measures %}sum({{ measure }}) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from shown
    group by slot_date, currency
),

silver as (
    select
        event_date as slot_date,
        currency,
        {% for measure in measures %}sum({{ measure }}) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ ref('sales_facts') }}
    where counted and event_date in (select slot_date from days)
    group by event_date, currency
)

select coalesce(g.slot_date, s.slot_date) as slot_date, coalesce(g.currency, s.currency) as currency
from gold as g
full outer join silver as s on g.slot_date = s.slot_date and g.currency = s.currency
where
    {% for measure in measures -%}
    coalesce(g.{{ measure }}, 0) <> coalesce(s.{{ measure }}, 0){{ ' or ' if not loop.last }}
    {% endfor %}
