MODEL (name gold.merchant_sales, kind FULL, grain (merchant_id, slot, currency));

SELECT
  merchant_id,
  slot,
  currency,
  sum(gross_sales) AS gross_sales,
  sum(returns) AS returns,
  sum(orders) AS orders
FROM silver.sales_facts
GROUP BY merchant_id, slot, currency
