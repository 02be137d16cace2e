MODEL (name silver.events, kind FULL, grain (event_date, merchant_id, source, id));

SELECT * EXCLUDE (place)
FROM (
  SELECT
    *,
    CAST("time" AS DATE) AS event_date,
    row_number() OVER (PARTITION BY CAST("time" AS DATE), merchant_id, source, id ORDER BY accepted_at, seq) AS place
  FROM read_parquet('events.parquet')
)
WHERE place = 1
