{{ config(
    unique_key=['event_month', 'event_date', 'merchant_id', 'source', 'id'],
    properties={'partitioned_by': "ARRAY['event_month']"},
    meta={'stays_in_its_days': true},
) }}
-- Losers are written first: one that is displaced is found among the events that have counted so far.
-- depends_on: {{ ref('duplicates') }}
select
    {{ event_columns('a') }},
    cast({{ var('snapshot') }} as bigint) as snapshot
from {{ ref('arrivals') }} as a
left join {{ ref('int_duplicate_candidates') }} as c on {{ identity_hash('a') }} = c.identity_hash
where c.identity_hash is null and {{ is_not_set_aside('a') }}
union all
select
    {{ event_columns() }},
    cast({{ var('snapshot') }} as bigint) as snapshot
from {{ ref('int_ranked_copies') }}
where place = 1 and origin <> 'events'
