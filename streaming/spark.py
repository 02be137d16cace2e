"""The Spark session of the streaming job.

In: settings, and the jars and the Java runtime of ``compose.local`` (nothing is fetched while it runs).
Out: a session on two local cores, with Delta, Kafka and HDFS, in UTC.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.contracts import hdfs_client
from lakehouse.errors import LakehouseError

CONFIGURATION = Path(__file__).parent / "spark_conf"
"""``log4j2.properties``, and ``spark-env.sh``, which lets this process alone decide how to stop."""

CORES = 2

_FIXED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # two cores: the defaults (200 and 50) cost seconds on every micro-batch
    "spark.sql.shuffle.partitions": str(CORES),
    "spark.databricks.delta.snapshotPartitions": str(CORES),
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # a backlog can touch a few days: write them side by side, without sorting every batch; small row groups, because
    # each open file holds one in memory
    "spark.sql.maxConcurrentOutputFileWriters": "4",
    "spark.hadoop.parquet.block.size": str(32 << 20),
    # raw files; Hadoop's own codec needs a native library
    "spark.hadoop.io.compression.codecs": "io.airlift.compress.zstd.ZstdCodec",
    # a record fits as a whole or not at all (split_events insists)
    "spark.sql.json.enablePartialResults": "false",
    "spark.sql.streaming.metricsEnabled": "false",
    "spark.sql.streaming.numRecentProgressUpdates": "5",
}


def open_session(
    jars: Sequence[Path], java_home: Path, scratch: Path, *, host: str, memory: str, cores: int = CORES
) -> SparkSession:
    """Starts the JVM, or returns the session that is there. ``scratch`` is for shuffles and spills."""
    os.environ["JAVA_HOME"] = str(java_home)
    os.environ["SPARK_CONF_DIR"] = str(CONFIGURATION)
    os.environ["SPARK_LOCAL_IP"] = host
    os.environ["SPARK_LOCAL_DIRS"] = str(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.master(f"local[{cores}]").appName("streaming")
    options = _FIXED | {
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.memory": memory,
        "spark.driver.host": host,
        "spark.driver.bindAddress": host,
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={scratch} -Dderby.system.home={scratch}",
        **{f"spark.hadoop.{name}": value for name, value in hdfs_client.OPTIONS.items()},
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def jars_in(folder: Path) -> list[Path]:
    """Put there, checked, by ``lakehouse up``: nothing is fetched at run time."""
    jars = sorted(folder.glob("*.jar"))
    if not jars:
        raise LakehouseError(f"{folder} holds no jars: run `lakehouse up`, which puts them there.")
    return jars


def end_jvm(spark: SparkSession, timeout: float = 5.0) -> None:
    """Ends the JVM and waits for it, so that nothing of this driver writes on after its process is gone."""
    process = getattr(spark.sparkContext._gateway, "proc", None)
    if process is None:
        return
    process.stdin.close()  # its sign to leave
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
