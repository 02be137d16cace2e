-- In the days that this build touched, an identity has one event that counts. Only who shares a hash is compared.
with days as (
    select distinct event_month, event_date from {{ ref('events') }} where {{ in_this_build('snapshot') }}
),

touched as (
    select e.event_date, e.merchant_id, e.source, e.id
    from {{ ref('events') }} as e
    inner join days as d on e.event_month = d.event_month and e.event_date = d.event_date
),

suspects as (
    select {{ identity_hash() }} as identity_hash from touched group by 1 having count(*) > 1
)

select t.event_date, t.merchant_id, t.source, t.id
from touched as t
inner join suspects as s on {{ identity_hash('t') }} = s.identity_hash
group by t.event_date, t.merchant_id, t.source, t.id
having count(*) > 1
