"""Java sources of our Trino plugin; ``compose.local.trino_plugin`` builds it.

``src/connector`` is the connector ``delta_lake_hdfs``: the stock Delta Lake connector with atomic, exclusive commits
on HDFS. ``src/hdfs`` is the file system below it: everything under ``_delta_log`` appears by a rename.
"""
