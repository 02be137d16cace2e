"""The document of an event's path, from rows as Trino gives them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.event_trace.stages import EventQuery
from lakehouse.event_trace.tracer import Document, Tracer

AT = datetime(2026, 11, 23, 10, 1, tzinfo=UTC)


class Bronze:
    """A Trino that has one event in bronze, and nothing else."""

    def __init__(self, **columns: Any) -> None:
        identity = {"merchant_id": "m", "source": "/s", "id": "e1", "type": "order.placed", "time": AT}
        position = {"edge": "edge-1", "segment": "aa-0", "seq": 7, "accepted_at": AT}
        delivery = {"kafka_partition": 2, "kafka_offset": 9, "file": "hdfs:/b/part-0.parquet"}
        self._row = identity | position | delivery | {"replay_of": None} | columns

    def query(self, sql: str) -> list[dict[str, Any]]:
        return [self._row] if "bronze_g1" in sql or ".events" in sql else []


def traced(home: Path, **columns: Any) -> Document:
    trino = cast(Trino, Bronze(**columns))
    tracer = Tracer(trino, LocalFiles(home), Layout("/warehouse"))
    copies = tracer.trace(EventQuery("e1"))["copies"]
    assert len(copies) == 1
    return cast(Document, copies[0])


@pytest.mark.parametrize(
    ("column", "shown"),
    [(None, {}), ('{"traceparent":"00-aa-bb-01","n":1}', {"traceparent": "00-aa-bb-01", "n": 1})],
)
def test_the_extensions_of_an_event_are_shown(tmp_path: Path, column: str | None, shown: Document) -> None:
    copy = traced(tmp_path, extensions=column, replay_of="edge-1/aa-0/3")
    assert (copy["extensions"], copy["replay_of"]) == (shown, "edge-1/aa-0/3")
    assert copy["accepted"]["seq"] == 7
    assert copy["bronze"][0]["kafka"] == {"topic": "events", "partition": 2, "offset": 9}
    assert (copy["raw"], copy["silver"], copy["gold"]) == (None, None, None)
