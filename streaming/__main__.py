"""``python -m streaming``: the supervised process that carries Kafka into bronze.

Exit codes: 0 stopped on request, 3 superseded by a newer driver (the restarted process then stands by),
else 1 or 2.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from datetime import timedelta

from pyspark.sql import SparkSession

from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, SupersededError
from lakehouse.http.health import Health, serve
from lakehouse.json_logs import fields, log_as_json
from lakehouse.releases import generations
from lakehouse.settings import Settings, load_settings
from streaming.bronze_tables import BronzePaths
from streaming.generation_sink import GenerationSink
from streaming.generations_health import GenerationsHealth
from streaming.kafka_bounds import read_bounds
from streaming.kafka_source import Source
from streaming.kafka_to_bronze import KafkaToBronze, retry_until_ready
from streaming.known_batches import known_of
from streaming.query_supervisor import QuerySupervisor
from streaming.spark import end_jvm, jars_in, open_session

log = logging.getLogger("streaming")

HEARTBEAT_LIMIT = timedelta(minutes=2)
SUPERSEDED = 3


def main() -> int:
    """Runs until it is stopped, or until a failure that only a new start can repair."""
    arguments = _arguments()
    log_as_json("streaming")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    health = GenerationsHealth(HEARTBEAT_LIMIT)
    try:
        settings = load_settings()
        port = settings.ports.streaming if arguments.port is None else arguments.port
        serve("streaming", health, settings.host, port)
        run(settings, arguments, health, stop)
    except SupersededError as error:
        log.warning("superseded", extra=fields(reason=str(error)))
        return SUPERSEDED
    except LakehouseError as error:
        log.error("stopped", extra=fields(reason=str(error)))
        return error.exit_code
    except Exception as error:
        log.exception("failed; a new start continues from bronze's last commit", extra=fields(reason=str(error)[:1000]))
        return 2
    return 0


def run(settings: Settings, arguments: argparse.Namespace, health: GenerationsHealth, stop: threading.Event) -> None:
    """Waits for HDFS and Kafka, then carries records until ``stop``."""
    home = settings.home_path / "streaming"
    files = HdfsFiles(settings.hdfs_url)
    retry_until_ready(lambda: files.make_folder(settings.warehouse), health, stop)
    spark = open_session(
        jars_in(settings.spark_jars),
        settings.java_home,
        home / "scratch",
        host=settings.host,
        memory=settings.streaming.driver_memory,
    )
    try:
        _stream(spark, files, settings, arguments, health, stop)
    finally:
        end_jvm(spark)


def _stream(
    spark: SparkSession,
    files: Files,
    settings: Settings,
    arguments: argparse.Namespace,
    health: GenerationsHealth,
    stop: threading.Event,
) -> None:
    tuning, layout = settings.streaming, Layout(settings.warehouse)
    source = Source(
        settings.kafka_bootstrap, tuning.trigger_interval, tuning.max_records_per_batch, arguments.topic_prefix
    )
    retry_until_ready(lambda: read_bounds(spark, source.bootstrap, source.topics), health, stop)

    def run_query(parts: dict[GenerationNumber, Health], stop: threading.Event, caught_up: threading.Event) -> None:
        """Some generations by one query. What they were made from is read once: it never changes."""
        query = KafkaToBronze(spark, source, [_sink(spark, files, settings, *part) for part in parts.items()])
        query.run(stop, caught_up, settings.home_path / "streaming" / "checkpoints" / f"g{max(parts)}")

    QuerySupervisor(run_query, lambda: _active(files, layout, arguments.generation), health).run(stop)


def _sink(
    spark: SparkSession, files: Files, settings: Settings, generation: GenerationNumber, health: Health
) -> GenerationSink:
    layout = Layout(settings.warehouse)
    made = generations.streamed(files, layout, generation)
    paths = BronzePaths(settings.hdfs_url, layout, generation)
    return GenerationSink(spark, files, paths, health, known_of([made] if made else []))


def _active(files: Files, layout: Layout, only: GenerationNumber | None) -> list[GenerationNumber]:
    return [number for number in generations.active(files, layout) if only in (None, number)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming", description="Carries Kafka into bronze.")
    parser.add_argument("--generation", type=int, help="feed only this bronze generation; by default all active ones")
    parser.add_argument("--topic-prefix", default="", help="read topics of this prefix, for a line beside the live one")
    parser.add_argument("--port", type=int, help="where /healthz and /metrics are; by default the stack's own port")
    return parser.parse_args()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # no exit handlers: those of the native clients wait for threads that nobody needs any more
    os._exit(code)
