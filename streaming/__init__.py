"""Kafka, and the raw files, to bronze. Modules in the order of the path:

``spark`` (session), ``bronze_tables`` (creation), ``lease`` and ``takeover`` (who may write, from which
offsets), ``record_schema``, ``segment_ranges`` and ``split_events`` (pure), ``bronze_writer`` (one commit),
``kafka_to_bronze`` (the query of a generation), ``feeds`` (all generations that are fed).
``raw_build`` makes a new generation (from ``raw_files``, then ``kafka_cut``); ``raw_files_to_bronze`` is its process.
"""
