-- In the months that this build touched, an identity has one event that counts.
select event_date, merchant_id, source, id
from {{ ref('events') }}
where event_month in (select event_month from {{ ref('events') }} where {{ in_this_build('snapshot') }})
group by event_date, merchant_id, source, id
having count(*) > 1
