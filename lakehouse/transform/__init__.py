"""The transform: how numbers are built, audited, compared, published, rebuilt and kept.

A number's life goes through the folders: ``building``, ``backfill``, ``diff``, ``publishing``, ``history``,
``maintenance``. ``ops_api`` takes operators' requests over HTTP, ``service`` keeps all of it going. The documents that
others may read are in ``lakehouse.releases``; no hop imports anything from here.
"""
