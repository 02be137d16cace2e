-- A snapshot writes each key at most once: otherwise "the newest row of a key" would not be one row.
select 'merchant_sales' as table_name, merchant_id, slot
from {{ ref('merchant_sales') }}
where snapshot = {{ var('snapshot') }}
group by merchant_id, slot, currency
having count(*) > 1
union all
select 'merchant_traffic', merchant_id, slot
from {{ ref('merchant_traffic') }}
where snapshot = {{ var('snapshot') }}
group by merchant_id, slot
having count(*) > 1
