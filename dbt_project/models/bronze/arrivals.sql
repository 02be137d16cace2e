-- The events of this build's bronze commits, with the UTC day of their time, which is part of their identity, and its
-- month, by which silver and gold are partitioned.
select
    date_trunc('month', cast("time" as date)) as event_month,
    cast("time" as date) as event_date,
    merchant_id,
    source,
    id,
    type,
    "time",
    accepted_at,
    edge,
    segment,
    seq,
    subject,
    extensions,
    replay_of,
    data
from {{ bronze_rows_of_this_build(source('bronze', 'events')) }}
