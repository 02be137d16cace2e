{{ config(materialized='ephemeral') }}
{%- set former = [earlier_events(), earlier_duplicates()] | select | list %}
-- Which identities of this build may have more than one copy. Most have one, and need no judgement: only the rest is
-- sorted with all of its columns.
-- depends_on: {{ ref('touched_days') }}
with arrived as (
    select {{ identity_hash('a') }} as identity_hash, count(*) as copies
    from {{ ref('arrivals') }} as a
    where {{ is_not_set_aside('a') }}
    group by 1
)
{%- if former %},

former as (
    select {{ identity_hash('f') }} as identity_hash
    from (
        {%- for relation in former %}
        {{ 'union all' if not loop.first }}
        select event_month, event_date, merchant_id, source, id from {{ relation }}
        {%- endfor %}
    ) as f
    inner join {{ ref('touched_days') }} as d on f.event_month = d.event_month and f.event_date = d.event_date
)

-- What has arrived is held in memory, what was there before goes by it.
select distinct a.identity_hash
from former as f
right join arrived as a on f.identity_hash = a.identity_hash
where a.copies > 1 or f.identity_hash is not null
{%- else %}

select identity_hash from arrived where copies > 1
{%- endif %}
