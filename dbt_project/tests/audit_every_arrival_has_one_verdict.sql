-- Promise 1: each position that this build consumed is counted or has lost to an earlier copy; never both, never neither.
-- Positions are compared in words of 64 bits: a bit that is missing has no verdict, and more rows than bits are two verdicts.
with arrivals as (
    select edge, segment, {{ bitmap_word('seq') }} as word, {{ bitmap_bits('seq') }} as bits
    from {{ ref('arrivals') }}
    group by edge, segment, {{ bitmap_word('seq') }}
),

judged as (
    select event_month, event_date, edge, segment, seq from {{ ref('events') }}
    union all
    select event_month, event_date, edge, segment, seq from {{ ref('duplicates') }}
),

verdicts as (
    select j.edge, j.segment, {{ bitmap_word('j.seq') }} as word, {{ bitmap_bits('j.seq') }} as bits, count(*) as given
    from judged as j
    inner join {{ ref('touched_days') }} as d on j.event_month = d.event_month and j.event_date = d.event_date
    group by j.edge, j.segment, {{ bitmap_word('j.seq') }}
)

select a.edge, a.segment, a.word, a.bits, v.bits as judged, v.given
from arrivals as a
left join verdicts as v on a.edge = v.edge and a.segment = v.segment and a.word = v.word
where v.bits is null or bitwise_and(a.bits, bitwise_not(v.bits)) <> 0 or bit_count(v.bits, 64) <> v.given
