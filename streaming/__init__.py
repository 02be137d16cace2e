"""Kafka to bronze. Modules in the order of the path:

``spark`` (session), ``bronze_tables`` (creation), ``lease`` and ``takeover`` (who may write, from which
offsets), ``record_schema`` and ``split_events`` (pure), ``bronze_writer`` (one micro-batch),
``kafka_to_bronze`` (the query).
"""
