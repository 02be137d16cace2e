"""The power goes under an edge: what its log has lost comes back from Kafka, and its raw file is whole.

The edge is a process with a home of its own. A power cut is what it leaves: a log that ends in the middle of a line, a
line of zeros before that, and a machine that says that it was started since.
"""

import json
from pathlib import Path
from signal import Signals

import pytest
import zstandard

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.kafka_scan import scan
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import incarnation_of, lines_of
from lakehouse.settings import Settings
from tests.integration.sending_shops import Shop
from tests.support.edge_process import beside
from tests.support.embedded_stack import EmbeddedStack

NAME = "unplugged"


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
    """SIGKILL ends it as a machine without power does; after SIGTERM nobody waits for what it may still have."""
    edge = beside(servers, NAME, tmp_path, LAKEHOUSE_EDGE__SEGMENT_MAX_AGE="PT1H")
    shop = Shop(edge.stack, NAME)
    with edge.process.running(Signals.SIGKILL):
        for _ in range(12):
            shop.send(shop.batch(3))
        incarnation = incarnation_of(shop.receipts[0]["segment"])
        edge.process.wait(lambda: len(lines_on_kafka(servers.settings, incarnation)) == 12)
    folder = edge.home / "edge" / NAME / incarnation
    (path,) = (folder / "accepted").iterdir()
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], bytes(len(lines[3])) + b"\n", *lines[4:8], lines[8][:40]]))
    progress = json.loads((folder / "progress.json").read_bytes())
    (folder / "progress.json").write_text(json.dumps(progress | {"boot": "before the power went"}))
    files, layout = HdfsFiles(servers.settings.hdfs_url), Layout(servers.settings.warehouse)
    with edge.process.running(Signals.SIGTERM):
        edge.process.wait(lambda: not folder.exists())
    raw = [entry.path for day in files.list(layout.raw) for entry in files.list(day.path) if incarnation in entry.name]
    unpack = zstandard.ZstdDecompressor().decompress
    assert [unpack(files.read(name)) for name in raw if name.endswith(".ndjson.zst")] == [whole]
    ledger = json.loads(files.read(layout.closed_ledger(NAME, incarnation)))
    assert (ledger["next"], sum(ledger["hours"].values()), ledger["closed"]) == (36, 36, True)
    assert len(lines_on_kafka(servers.settings, incarnation)) == 12
