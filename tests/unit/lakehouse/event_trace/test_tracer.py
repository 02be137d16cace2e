"""The document of an event's path, from rows as Trino gives them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.raw_files import commit
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import RawManifest
from lakehouse.event_trace.stages import EventQuery
from lakehouse.event_trace.tracer import Document, Tracer
from lakehouse.instants import to_micros

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


def test_the_raw_file_of_a_position_is_found_whoever_wrote_it(tmp_path: Path) -> None:
    """The edge's own of its segment lacks the position; it came from bronze later."""
    files, layout, at = LocalFiles(tmp_path), Layout("/warehouse"), to_micros(AT)
    own = RawManifest("edge-1", "aa-0", 0, 4, 5, 1, "", {"2026-11-23T10": 5}, at, at, "zstd")
    commit(files, layout, own, b"x")
    assert traced(tmp_path, extensions=None)["raw"] is None
    fill = msgspec.structs.replace(own, first=5, last=9, from_bronze=True)
    commit(files, layout, fill, b"y", "aa-0.00ff")
    assert traced(tmp_path, extensions=None)["raw"]["file"].endswith("/2026-11-23/aa-0.00ff.ndjson.zst")
    assert traced(tmp_path, extensions=None, seq=2)["raw"]["file"].endswith("/2026-11-23/aa-0.ndjson.zst")
