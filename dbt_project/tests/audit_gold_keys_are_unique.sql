-- A snapshot writes each key at most once: otherwise "the newest row of a key" would not be one row.
select 'merchant_sales' as table_name, merchant_id, slot
from {{ ref('merchant_sales') }}
where {{ in_this_build('snapshot') }}
group by merchant_id, slot, currency, snapshot
having count(*) > 1
union all
select 'merchant_traffic', merchant_id, slot
from {{ ref('merchant_traffic') }}
where {{ in_this_build('snapshot') }}
group by merchant_id, slot, snapshot
having count(*) > 1
