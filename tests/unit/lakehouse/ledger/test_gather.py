"""What is read for which hours, and that one edge's unreadable document does not end the reading."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse import instants
from lakehouse.contracts.commit_info import EdgeWatermarks
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.topics import EVENTS
from lakehouse.ledger import gather
from lakehouse.ledger.gather import Gatherer
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import Doubt, Stream
from lakehouse.ledger.read_kafka import KafkaRuns
from lakehouse.ledger.window import Window
from lakehouse.settings import Settings
from lakehouse.transform.publishing.publish import publish_snapshot
from tests.support.logged_warehouse import LAYOUT, LoggedWarehouse

DAYS = [date(2026, 11, day) for day in range(21, 26)]
_BETWEEN = re.compile(r"BETWEEN DATE '(\S+)' AND DATE '(\S+)'")


class Trino:
    """Whose bronze has many rows a day; it remembers which days were read."""

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []

    def query(self, sql: str) -> list[dict[str, Any]]:
        if "GROUP BY 1" in sql and " AS day" in sql:
            return [{"day": day, "n": 10**7} for day in DAYS]
        self.read += _BETWEEN.findall(sql)
        return []


@pytest.fixture
def warehouse(tmp_path: Path) -> LoggedWarehouse:
    made = LoggedWarehouse(tmp_path)
    made.cycle(made.version())
    return made


@pytest.fixture
def trino(monkeypatch: pytest.MonkeyPatch) -> Trino:
    monkeypatch.setattr(gather, "read_kafka", lambda *_: KafkaRuns((), {}))
    return Trino()


def gatherer(warehouse: LoggedWarehouse, trino: Any) -> Gatherer:
    return Gatherer(Settings(warehouse=LAYOUT.root, port_base=1024), warehouse.files, trino)


def test_incarnations_are_known_by_their_watermarks(warehouse: LoggedWarehouse, trino: Trino) -> None:
    every = dict.fromkeys(range(EVENTS.partitions), 9)
    marks = [EdgeWatermarks("edge-1", "a" * 16, every), EdgeWatermarks("edge-1", "b" * 16, {0: 9})]
    version = warehouse.versions.get(GoldVersionNumber(1))
    publish_snapshot(warehouse.log, version, warehouse.snapshot(version, marks=marks))
    evidence = gatherer(warehouse, trino).gather().evidence
    assert evidence.marks == {Stream("edge-1", "a" * 16): 9, Stream("edge-1", "b" * 16): 0}


@pytest.mark.parametrize(
    ("since", "until", "read"),
    [
        (None, None, DAYS),
        ("2026-11-23T10:00:00Z", None, DAYS[2:]),
        (None, "2026-11-23", DAYS[:2]),
        ("2026-11-23T23:00:00Z", "2026-11-24T00:00:01Z", DAYS[2:4]),
        ("2027-01-01", None, []),
    ],
)
def test_tables_are_read_for_the_days_of_the_window(
    warehouse: LoggedWarehouse, trino: Trino, since: str | None, until: str | None, read: list[date]
) -> None:
    gatherer(warehouse, trino).gather(window=Window.of(since, until))
    assert trino.read == [(str(day), str(day)) for day in read]


def test_a_torn_ledger_is_evidence_and_an_edge_must_have_spoken_lately(
    warehouse: LoggedWarehouse, trino: Trino
) -> None:
    path = LAYOUT.edge_ledger("edge-1", "a" * 16)
    warehouse.files.write(path, b'{"edge": "edge-1", "incarn')
    evidence = gatherer(warehouse, trino).gather().evidence
    [unread] = evidence.unread
    assert (unread.path, unread.edge, unread.incarnation, unread.is_ledger) == (path, "edge-1", "a" * 16, True)
    assert evidence.heard_since is not None
    heard_since = instants.from_micros(evidence.heard_since)
    assert timedelta(0) <= instants.now() - heard_since - timedelta(minutes=10) < timedelta(minutes=1)
    verdict = judge(evidence, everything=True)
    assert {one.reason for one in verdict.unproved} == {Doubt.UNREADABLE}
