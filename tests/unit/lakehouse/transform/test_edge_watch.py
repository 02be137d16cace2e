"""A silent edge is counted as long as it is silent, and warned of once."""

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from lakehouse import instants
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked, EdgeLedger, RawGaps
from lakehouse.transform.edge_watch import EdgeWatch

LAYOUT = Layout("/w")
PATH = LAYOUT.edge_ledger("edge-1", "a")


def count(state: str) -> float | None:
    return REGISTRY.get_sample_value("lakehouse_edges", {"state": state})


def test_a_silent_edge_is_counted_and_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = LocalFiles(tmp_path)
    files.write(PATH, msgspec.json.encode(EdgeLedger("edge-1", "a", 1, {}, 0, 0)))

    def heard(at: datetime) -> None:
        os.utime(tmp_path / PATH.lstrip("/"), (at.timestamp(), at.timestamp()))

    watch, now = EdgeWatch(files, LAYOUT, timedelta(minutes=10)), instants.now()
    with caplog.at_level(logging.WARNING):
        watch.look(now)
        assert (count("live"), count("silent"), caplog.records) == (1, 0, [])
        for _ in range(3):
            watch.look(now + timedelta(minutes=11))
            assert (count("live"), count("silent"), len(caplog.records)) == (0, 1, 1)
        heard(now + timedelta(minutes=12))
        watch.look(now + timedelta(minutes=12))
        assert (count("live"), count("silent"), len(caplog.records)) == (1, 0, 1)
        watch.look(now + timedelta(minutes=23))
        assert (count("silent"), len(caplog.records)) == (1, 2)


def test_raw_gaps_are_counted(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    watch = EdgeWatch(files, LAYOUT, timedelta(minutes=10))
    watch.look(instants.now())
    assert REGISTRY.get_sample_value("lakehouse_raw_gap_events") == 0
    files.write(LAYOUT.raw_gaps("edge-1", "a"), msgspec.json.encode(RawGaps("edge-1", "a", [Booked(490_000, 3, 9)])))
    watch.look(instants.now())
    assert REGISTRY.get_sample_value("lakehouse_raw_gap_events") == 7
