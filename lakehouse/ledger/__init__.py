"""Double-entry bookkeeping of events: is every accepted position at every stage, once?

Pure: ``spans`` (sets of sequences), ``model`` (what is known), ``judge`` (the arithmetic), ``report`` (as text, JSON).
At the rim, one reader a stage: ``read_edges``, ``read_kafka``, ``read_tables``; ``gather`` calls them all.
"""
