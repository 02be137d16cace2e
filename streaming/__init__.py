"""Kafka, and the raw files, to bronze. Modules in the order of the path:

``spark`` (session), ``bronze_tables`` (creation), ``lease`` and ``epochs`` (who may write), ``offsets`` and
``kafka_bounds`` (from where), ``batch_parts`` (how much at a time), ``frames``, ``record_schema``, ``known_batches``
and ``split_events`` (pure), ``bronze_writer`` (one commit), ``generation_sink`` (one generation), ``kafka_to_bronze``
(the query that feeds generations), ``query_supervisor`` (all queries). ``raw_build`` makes a new generation (from
``raw_files``, then ``kafka_handoff``); ``raw_files_to_bronze`` is its process.
"""
