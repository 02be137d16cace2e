"""The bronze and quarantine tables: where they lie, and how they are created.

In: a generation. Out: two Delta tables that Spark alone writes and Trino reads: no deletion vectors, no log
clean-up by age (cursors of releases point into the log), change feed on so that a cycle can read the rows
of a commit.
"""

from dataclasses import dataclass

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.contracts import tables
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout

_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.enableDeletionVectors": "false",
    "delta.checkpointInterval": "50",
    # statistics up to the event's time; min and max of ids and payloads would only swell the log
    "delta.dataSkippingNumIndexedCols": "10",
}


@dataclass(frozen=True)
class BronzePaths:
    """One generation's tables: paths for ``Files``, URLs for Spark. ``root_url`` is the file system's root."""

    root_url: str
    layout: Layout
    generation: GenerationNumber

    @property
    def events(self) -> str:
        return self.layout.bronze(self.generation)

    @property
    def events_url(self) -> str:
        return f"{self.root_url}{self.events}"

    @property
    def quarantine_url(self) -> str:
        return f"{self.root_url}{self.layout.quarantine(self.generation)}"

    @property
    def application(self) -> str:
        """Delta's ``txnAppId``: one for all writers of a generation, so that they exclude each other."""
        return f"bronze-g{self.generation}"


def create_tables(spark: SparkSession, paths: BronzePaths) -> None:
    """Creates what is not there yet. A table that exists is left as it is."""
    events = _PROPERTIES | {"delta.enableChangeDataFeed": "true", "delta.appendOnly": "true"}
    _create(spark, paths.events_url, tables.BRONZE_COLUMNS, tables.BRONZE_PARTITION, events)
    _create(spark, paths.quarantine_url, tables.QUARANTINE_COLUMNS, tables.QUARANTINE_PARTITION, _PROPERTIES)


def _create(spark: SparkSession, url: str, columns: dict[str, str], partition: str, properties: dict[str, str]) -> None:
    builder = DeltaTable.createIfNotExists(spark).location(url).partitionedBy(partition)
    for name, type_ in columns.items():
        builder = builder.addColumn(name, type_)
    for name, value in properties.items():
        builder = builder.property(name, value)
    builder.execute()
