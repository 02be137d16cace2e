MODEL (name silver.sales_facts, kind FULL, grain (event_date, merchant_id, source, id));

SELECT
  event_date,
  merchant_id,
  source,
  id,
  time_bucket(INTERVAL '15 minutes', "time") AS slot,
  coalesce(data ->> '$.currency', '') AS currency,
  CASE WHEN type = 'order.placed' THEN
    list_sum(list_transform(
      CAST(data -> '$.items' AS JSON[]),
      line -> CAST(line ->> '$.quantity' AS BIGINT) * CAST(line ->> '$.unit_price_minor' AS BIGINT)
    ))
  ELSE 0 END AS gross_sales,
  -- The change that is promoted and taken back: refunds counted once, or twice.
  CASE WHEN type <> 'order.placed' THEN coalesce(CAST(data ->> '$.amount_minor' AS BIGINT), 0) ELSE 0 END * 1 AS returns,
  CASE WHEN type = 'order.placed' THEN 1 ELSE 0 END AS orders
FROM silver.events
WHERE type IN ('order.placed', 'order.cancelled', 'refund.issued')
