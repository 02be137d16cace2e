"""``python -m streaming.raw_files_to_bronze --generation G``: makes a new generation of bronze (see ``raw_build``).

Reports its progress on stderr, a line for each commit; Spark's own output goes to the stack's logs. Killed anywhere,
the same command continues. Exit codes: 0 the generation is complete, now or before; 1 refused; 2 failed, start it
again; 3 another process has taken over.
"""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, RefusedError, SupersededError
from lakehouse.releases import generations
from lakehouse.releases.generations import Streamed
from lakehouse.settings import Settings, load_settings
from streaming.bronze_tables import BronzePaths
from streaming.kafka_source import Source
from streaming.raw_build import EVENTS_PER_COMMIT, RawFilesToBronze, Say
from streaming.spark import end_jvm, jars_in, open_session

SUPERSEDED = 3


def build(settings: Settings, arguments: argparse.Namespace, say: Say) -> None:
    """Starts Spark, and builds, unless that has been done."""
    if arguments.generation == generations.FIRST_GENERATION:
        raise RefusedError("generation 1 comes from Kafka; take a new number for one from raw files")
    paths = BronzePaths(settings.hdfs_url, Layout(settings.warehouse), arguments.generation)
    files = HdfsFiles(settings.hdfs_url)
    done = generations.streamed(files, paths.layout, paths.generation)
    if done is None:
        done = _build(settings, arguments, files, paths, say)
    say(f"bronze generation {done.generation} is complete: {done.rows:,} rows, up to version {done.delta_version}")


def _build(
    settings: Settings, arguments: argparse.Namespace, files: HdfsFiles, paths: BronzePaths, say: Say
) -> Streamed:
    tuning, home = settings.streaming, settings.home_path / "streaming"
    source = Source(
        settings.kafka_bootstrap, tuning.trigger_interval, tuning.max_records_per_batch, arguments.topic_prefix
    )
    scratch = home / f"scratch-g{arguments.generation}"
    jars, memory = jars_in(settings.spark_jars), tuning.driver_memory
    spark = open_session(jars, settings.java_home, scratch, host=settings.host, memory=memory)
    try:
        return RawFilesToBronze(spark, files, paths, source, say, arguments.events_per_commit).run()
    finally:
        end_jvm(spark)


def main() -> int:
    """Builds; the last line of a failure gives its reason."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    say: Say = _say
    try:
        settings = load_settings()
        say = _alone_on_stderr(settings.logs / f"raw-build-g{arguments.generation}.log")
        build(settings, arguments, say)
    except BrokenPipeError:
        return 2  # the process that started it is gone; an operator or the service starts it again
    except SupersededError as error:
        say(str(error))
        return SUPERSEDED
    except LakehouseError as error:
        say(str(error))
        return error.exit_code
    except Exception as error:
        traceback.print_exc()
        say(f"failed; the same command goes on where it was: {str(error)[:1000]}")
        return 2
    return 0


def _stop(number: int, frame: Any) -> None:
    raise LakehouseError("stopped on request; the same command goes on where it was")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _alone_on_stderr(log: Path) -> Say:
    """From now on only progress goes to stderr; all other output, the JVM's included, goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    return lambda line: print(line, file=stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming.raw_files_to_bronze", description=__doc__)
    parser.add_argument("--generation", type=int, required=True, help="the bronze generation to build")
    parser.add_argument("--topic-prefix", default="", help="read topics of this prefix, for a line beside the live one")
    parser.add_argument("--events-per-commit", type=int, default=EVENTS_PER_COMMIT, help="at most, in one commit")
    return parser.parse_args()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # no exit handlers: those of the native clients wait for threads that nobody needs any more
    os._exit(code)
