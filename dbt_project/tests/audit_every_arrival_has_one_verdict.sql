-- Promise 1: each position that this build consumed is counted or has lost to an earlier copy; never both, never neither.
with arrivals as (
    select distinct event_date, edge, segment, seq from {{ ref('arrivals') }}
),

verdicts as (
    select event_date, edge, segment, seq from {{ ref('events') }}
    where event_date in (select event_date from arrivals)
    union all
    select event_date, edge, segment, seq from {{ ref('duplicates') }}
    where event_date in (select event_date from arrivals)
)

select a.edge, a.segment, a.seq, count(v.edge) as verdicts
from arrivals as a
left join verdicts as v
    on a.event_date = v.event_date and a.edge = v.edge and a.segment = v.segment and a.seq = v.seq
group by a.edge, a.segment, a.seq
having count(v.edge) <> 1
