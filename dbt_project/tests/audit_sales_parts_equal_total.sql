-- In the months that this build touched, what gold shows equals what silver counts, per currency and in every measure.
{%- set measures = ['gross_sales', 'discounts', 'returns', 'shipping', 'tax', 'orders', 'orders_cancelled', 'units'] %}
with months as (
    select distinct slot_month from {{ ref('merchant_sales') }} where {{ in_this_build('snapshot') }}
),

shown as (
    select
        slot_month,
        currency,
        {% for measure in measures %}max_by({{ measure }}, snapshot) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ ref('merchant_sales') }}
    where slot_month in (select months.slot_month from months)
    group by slot_month, merchant_id, slot, currency
),

gold as (
    select
        slot_month,
        currency,
        {% for measure in measures %}sum({{ measure }}) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from shown
    group by slot_month, currency
),

silver as (
    select
        event_month as slot_month,
        currency,
        {% for measure in measures %}sum({{ measure }}) as {{ measure }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ ref('sales_facts') }}
    where counted and event_month in (select months.slot_month from months)
    group by event_month, currency
)

select coalesce(g.slot_month, s.slot_month) as slot_month, coalesce(g.currency, s.currency) as currency
from gold as g
full outer join silver as s on g.slot_month = s.slot_month and g.currency = s.currency
where
    {% for measure in measures -%}
    coalesce(g.{{ measure }}, 0) <> coalesce(s.{{ measure }}, 0){{ ' or ' if not loop.last }}
    {% endfor %}
