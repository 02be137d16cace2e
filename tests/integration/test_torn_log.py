"""The power goes under an edge: what its log has lost comes back from Kafka, and its raw file is whole.

The edge is a process with a home of its own. A power cut is what it leaves: a log that ends in the middle of a line, a
line of zeros before that, and a machine that says that it was started since.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import zstandard

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.kafka_scan import scan
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import incarnation_of, lines_of
from lakehouse.settings import Settings
from tests.integration.sending_shops import PATIENCE, Shop
from tests.support.embedded_stack import EmbeddedStack, free_port_base

NAME = "unplugged"


class Unplugged:
    """An edge of its own beside the stack's servers."""

    def __init__(self, servers: EmbeddedStack, folder: Path) -> None:
        settings, port = servers.settings, free_port_base()
        self.home = folder / "home"
        self.environment = {
            **servers.environment,
            "LAKEHOUSE_HOME": str(self.home),
            "LAKEHOUSE_PORT_BASE": str(port),
            "LAKEHOUSE_EDGE__NAME": NAME,
            "LAKEHOUSE_EDGE__SEGMENT_MAX_AGE": "PT1H",
            "LAKEHOUSE_KEYS": str(settings.keys_path),
            "LAKEHOUSE_AT__KAFKA": settings.kafka_bootstrap,
            "LAKEHOUSE_AT__HDFS": settings.hdfs_url.removeprefix("hdfs://"),
            "HADOOP_USER_NAME": "lakehouse",
        }
        self.log = folder / "edge.log"
        self.address = f"{settings.host}:{port}"

    @contextmanager
    def running(self, ended_by: signal.Signals) -> Iterator[None]:
        """SIGKILL ends it as a machine without power does; after SIGTERM nobody waits for what it may still have."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ingestion"], env=self.environment, stdout=log, stderr=log
            )
        try:
            self.wait(lambda: httpx.get(f"http://{self.address}/readyz", trust_env=False).status_code == 200)
            yield
        finally:
            process.send_signal(ended_by)
            process.wait(PATIENCE)

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.3)


def lines_on_kafka(settings: Settings, incarnation: str) -> set[bytes]:
    with scan(settings.kafka_bootstrap, topics.EVENTS.name) as topic:
        return {
            line
            for record in topic.records()
            for line in lines_of(record.value)
            if line.startswith(b'{"kind":"batch"') and incarnation.encode() in line
        }


@pytest.mark.stack
def test_what_a_power_cut_takes_from_the_log_comes_back_from_kafka(servers: EmbeddedStack, tmp_path: Path) -> None:
    edge = Unplugged(servers, tmp_path)
    there = servers.settings.at.model_copy(update={"edge": edge.address})
    shop = Shop(replace(servers, settings=servers.settings.model_copy(update={"at": there})), NAME)
    with edge.running(signal.SIGKILL):
        for _ in range(12):
            shop.send(shop.batch(3))
        incarnation = incarnation_of(shop.receipts[0]["segment"])
        edge.wait(lambda: len(lines_on_kafka(servers.settings, incarnation)) == 12)
    folder = edge.home / "edge" / NAME / incarnation
    (path,) = (folder / "accepted").iterdir()
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], bytes(len(lines[3])) + b"\n", *lines[4:8], lines[8][:40]]))
    progress = json.loads((folder / "progress.json").read_bytes())
    (folder / "progress.json").write_text(json.dumps(progress | {"boot": "before the power went"}))
    files, layout = HdfsFiles(servers.settings.hdfs_url), Layout(servers.settings.warehouse)
    with edge.running(signal.SIGTERM):
        edge.wait(lambda: not folder.exists())
    raw = [entry.path for day in files.list(layout.raw) for entry in files.list(day.path) if incarnation in entry.name]
    unpack = zstandard.ZstdDecompressor().decompress
    assert [unpack(files.read(name)) for name in raw if name.endswith(".ndjson.zst")] == [whole]
    ledger = json.loads(files.read(layout.closed_ledger(NAME, incarnation)))
    assert (ledger["next"], sum(ledger["hours"].values()), ledger["closed"]) == (36, 36, True)
    assert len(lines_on_kafka(servers.settings, incarnation)) == 12
