{{ config(materialized='ephemeral') }}
-- Where this build looks for other copies. Joined to, it lets Trino leave out the files of other days.
select distinct event_month, event_date
from {{ ref('arrivals') }}
