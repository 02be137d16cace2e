"""The rows that are served, in memory: tables in sorted runs, and the releases whose tables are loaded.

In: the release log and Delta tables on HDFS. Out: views of releases, from which any merchant's rows are read without
HDFS or Trino. It knows neither HTTP routes nor series.
"""
