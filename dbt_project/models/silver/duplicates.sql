{{ config(
    unique_key=['event_month', 'event_date', 'edge', 'segment', 'seq'],
    properties={'partitioned_by': "ARRAY['event_month']"},
    meta={'stays_in_its_days': true},
) }}
with losers as (
    select
        *,
        if(same_content, 'duplicate', 'conflicting_duplicate') as verdict
    from {{ ref('contenders') }}
    where place > 1
)

select
    {{ event_columns() }},
    verdict,
    origin = 'events' as displaced,
    cast({{ var('snapshot') }} as bigint) as snapshot
from losers
where origin <> 'duplicates' or verdict <> former_verdict
