"""The one place where names are spelled: topics, records, tables, columns, folders, events and metrics.

What cannot import this package (dbt sources) is rendered from it and checked for staleness by a test.
"""
