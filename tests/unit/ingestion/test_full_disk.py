"""A disk that is full to the last byte: nothing acknowledged is lost, nothing new is taken, and room heals it.

On a file system of its own, 64 MiB in memory, which only root can make.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ingestion.atomic_file import read_json, write_json
from ingestion.kafka_sender import KafkaSender
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotReadyError
from lakehouse.ledger import spans
from lakehouse.ledger.raw_gaps import unfilled
from lakehouse.ledger.read_edges import raw_runs, read_ledgers, read_manifests
from tests.support.running_edge import RunningEdge, post, serve, settings_of
from tests.support.valid_events import encode, order

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
RESERVE = 4 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture
def edge(small: Path, tmp_path: Path) -> Iterator[RunningEdge]:
    settings = settings_of(small, disk_reserve_bytes=RESERVE, quota_events_per_second=0, quota_bytes_per_second=0)
    yield from serve(settings, LocalFiles(tmp_path / "hdfs"))


class Shop:
    """Sends large batches, and remembers the ids of what was taken."""

    def __init__(self, edge: RunningEdge) -> None:
        self.edge = edge
        self.taken: list[str] = []
        self._sent = 0

    def send(self) -> httpx.Response:
        events = [order(note="x" * 40_000) | {"id": f"e{self._sent + n}"} for n in range(20)]
        self._sent += len(events)
        response = post(self.edge, encode(events))
        if response.status_code == 202:
            self.taken += [one["id"] for one in events]
        return response

    def send_until_refused(self) -> httpx.Response:
        while (response := self.send()).status_code == 202:
            assert response.json()["receipt"]["durable"] == "disk"
            assert len(self.taken) < 100_000
        return response


def kept(edge: RunningEdge) -> list[str]:
    """The ids in the log, read from disk."""
    paths = sorted((edge.settings.home_path / "edge").glob("*/*/accepted/*.ndjson"))
    lines = [line for path in paths for line in path.read_bytes().splitlines()]
    return [one["id"] for line in lines for one in json.loads(line)["events"]]


def fill(path: Path) -> None:
    """Takes what is left of the disk."""
    with path.open("wb", buffering=0) as last, suppress(OSError):
        while last.write(b"l" * 4096):
            pass
    assert shutil.disk_usage(path).free == 0


def test_a_disk_that_is_full_to_the_last_byte_and_then_freed(edge: RunningEdge, small: Path) -> None:
    shop = Shop(edge)
    assert shop.send().status_code == 202
    filler = small / "filler"
    filler.write_bytes(b"f" * (24 << 20))
    refused = shop.send_until_refused()
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert "kept for what ends an outage" in refused.json()["detail"]
    ready = edge.client.get(f"{edge.settings.edge_url}/readyz")
    assert ready.status_code == 503
    fill(small / "last")
    assert shop.send().status_code == 503
    assert edge.client.get(f"{edge.settings.edge_url}/healthz").status_code == 200
    assert kept(edge) == shop.taken

    (small / "last").unlink()
    filler.unlink()
    assert edge.client.get(f"{edge.settings.edge_url}/readyz").status_code == 200
    assert shop.send().status_code == 202
    assert kept(edge) == shop.taken


def test_a_disk_that_fills_in_the_middle_of_a_line_takes_no_position(small: Path, tmp_path: Path) -> None:
    settings = settings_of(small, disk_reserve_bytes=0, quota_events_per_second=0, quota_bytes_per_second=0)
    for edge in serve(settings, LocalFiles(tmp_path / "hdfs")):
        shop = Shop(edge)
        assert shop.send_until_refused().status_code == 503
        assert kept(edge) == shop.taken
        next(small.glob("edge/*/*/accepted/*.ndjson")).stat()
        refused = shop.send()
        assert refused.status_code == 503
        assert "does not take a line" in refused.json()["detail"]


class Away(LocalFiles):
    """HDFS, while it does not answer."""

    is_away = True

    def write(self, path: str, data: bytes) -> None:
        if self.is_away:
            raise NotReadyError("HDFS is away")
        super().write(path, data)


def take_all(sender: KafkaSender, brokers: int = 2) -> None:
    """Brokers that have at once whatever is in the log."""
    sender._on_connected(brokers)
    sender.failure = None
    while not sender._turns.stopping:
        sender._turns.pause(0.01)
        for run in list(sender._incarnations):
            for outbox in run.outboxes:
                outbox.delivered = outbox.log.end
            if run.owes_watermarks:
                run.record_closed_watermarks()
        assert sender._live is not None
        sender._on_delivered(sender._live.accepted_outbox.delivered)


def test_a_value_is_replaced_on_a_disk_without_a_free_block(small: Path) -> None:
    write_json(small / "value.json", 0)
    fill(small / "last")
    for value in range(5):
        write_json(small / "value.json", [value] * 1000)
        assert read_json(small / "value.json", list[int]) == [value] * 1000


def test_a_full_disk_frees_itself_once_hdfs_is_back(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one broker nothing goes without a raw file; deleting what has one takes no free space."""
    monkeypatch.setattr(KafkaSender, "_session", lambda sender: take_all(sender, brokers=1))
    files = Away(tmp_path / "hdfs")
    no_quota = {"quota_events_per_second": 0, "quota_bytes_per_second": 0}
    settings = settings_of(small, disk_reserve_bytes=RESERVE, segment_max_age=timedelta(seconds=0.5), **no_quota)
    for edge in serve(settings, files):
        shop = Shop(edge)
        (small / "filler").write_bytes(b"f" * (24 << 20))
        shop.send_until_refused()
        fill(small / "last")
        assert shop.send().status_code == 503
        assert kept(edge) == shop.taken
        files.is_away = False
        deadline = time.monotonic() + 30
        while shop.send().status_code != 202:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert unfilled(files, Layout("/lakehouse")) == {}


def test_while_kafka_takes_events_a_full_disk_refuses_none(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDFS is away; twice of what the disk has left comes in; and what went from it is named once HDFS is back."""
    monkeypatch.setattr(KafkaSender, "_session", take_all)
    files = Away(tmp_path / "hdfs")
    settings = settings_of(small, disk_reserve_bytes=RESERVE, quota_events_per_second=0, quota_bytes_per_second=0)
    for edge in serve(settings, files):
        shop, running = Shop(edge), edge.app.edge
        assert running is not None
        while not running.shipper.is_hdfs_away:
            time.sleep(0.01)
        (small / "filler").write_bytes(b"f" * (24 << 20))
        for _ in range(100):
            response = shop.send()
            assert response.status_code == 202, response.text
            time.sleep(0.03)  # so that no machine fills the last eighth between two looks
        here = kept(edge)
        assert len(here) < len(shop.taken)
        assert here == shop.taken[-len(here) :]
        files.is_away = False
    [(stream, gaps)] = unfilled(files, Layout("/lakehouse")).items()
    [ledger] = read_ledgers(files, Layout("/lakehouse"))
    assert (ledger.incarnation, ledger.closed, ledger.next) == (stream.incarnation, True, len(shop.taken))
    raw = [run.span for run in raw_runs(read_manifests(files, Layout("/lakehouse")))]
    assert spans.merge([*raw, *(one.span for one in gaps)]) == [(0, len(shop.taken))]
