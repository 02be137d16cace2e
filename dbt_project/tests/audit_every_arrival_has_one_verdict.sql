-- Promise 1: each position that this build consumed is counted or has lost to an earlier copy; never both, never neither.
with arrivals as (
    select distinct event_month, edge, segment, seq from {{ ref('arrivals') }}
),

verdicts as (
    select event_month, edge, segment, seq from {{ ref('events') }}
    where event_month in (select event_month from arrivals)
    union all
    select event_month, edge, segment, seq from {{ ref('duplicates') }}
    where event_month in (select event_month from arrivals)
)

select a.edge, a.segment, a.seq, count(v.edge) as verdicts
from arrivals as a
left join verdicts as v
    on a.event_month = v.event_month and a.edge = v.edge and a.segment = v.segment and a.seq = v.seq
group by a.edge, a.segment, a.seq
having count(v.edge) <> 1
