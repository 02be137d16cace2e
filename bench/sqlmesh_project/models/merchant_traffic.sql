MODEL (name gold.merchant_traffic, kind FULL, grain (merchant_id, slot));

SELECT
  merchant_id,
  time_bucket(INTERVAL '15 minutes', "time") AS slot,
  count(*) AS page_views
FROM silver.events
WHERE type = 'page.viewed'
GROUP BY merchant_id, slot
