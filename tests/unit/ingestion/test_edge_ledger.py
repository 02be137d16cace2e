"""The ledger says how far an incarnation is, and moves aside once nothing is owed."""

from pathlib import Path

import msgspec
import pytest

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation, begin
from ingestion.shipper import Shipper
from ingestion.tail_cache import Cursor
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import CLOSED_MARK, AcceptedEvent, EdgeLedger
from lakehouse.ledger.read_edges import read_ledgers
from lakehouse.settings import EdgeSettings

EDGE, LAYOUT = EdgeSettings(), Layout("/w")


def batch(size: int) -> list[AcceptedEvent]:
    return [AcceptedEvent(str(number), "/s", "page.viewed", 1, "{}") for number in range(size)]


class Line:
    """An incarnation whose Kafka and HDFS are told what to take."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(folder / "clock.json")
        self.run = begin(folder, self.clock, EDGE)
        self.files = LocalFiles(folder / "hdfs")
        self.shipper = Shipper(EDGE, self.files, LAYOUT, self.clock)
        self.shipper._incarnations = [self.run]

    def round(self) -> list[EdgeLedger]:
        """The ledgers that readers find after a round of the shipper."""
        self.shipper._published_at = 0.0
        self.shipper.round()
        return list(read_ledgers(self.files, LAYOUT))

    def deliver(self, end: Cursor) -> None:
        self.run.accepted_outbox.delivered = end


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_ledger_says_what_kafka_and_hdfs_have(line: Line) -> None:
    first = line.run.log.append("m", batch(3))
    line.run.log.append("m", batch(4))
    [ledger] = line.round()
    assert (ledger.next, ledger.delivered, ledger.shipped, ledger.watermark, ledger.ended) == (7, 0, 0, 0, False)
    line.deliver(first.end)
    line.run.watermark = 5
    line.run.log.seal()
    line.run.log.append("m", batch(2))
    [ledger] = line.round()
    assert (ledger.next, ledger.delivered, ledger.shipped, ledger.watermark) == (9, 3, 7, 5)
    line.deliver(line.run.log.lines.end)
    [ledger] = line.round()
    assert (ledger.delivered, ledger.shipped) == (9, 7)


def test_what_was_counted_before_a_restart_is_counted_after_it(line: Line) -> None:
    line.run.log.append("m", batch(3))
    line.run.log.seal()
    line.deliver(line.run.log.lines.end)
    line.round()
    line.run.log.append("m", batch(2))
    again = Incarnation(line.run.folder, line.clock, EDGE, ended=True)
    ledger = again.ledger(1)
    assert (ledger.next, ledger.delivered, ledger.shipped, ledger.ended) == (5, 3, 3, True)


def test_it_closes_once_kafka_and_hdfs_have_all(line: Line) -> None:
    line.run.log.append("m", batch(3))
    line.run.end()
    [ledger] = line.round()
    assert (ledger.closed, ledger.shipped, ledger.raw_mark) == (True, 3, CLOSED_MARK)
    assert not ledger.owes_nothing, "Kafka has nothing of it"
    assert line.run.owes_ledger
    line.deliver(line.run.log.lines.end)
    [ledger] = line.round()
    assert ledger.owes_nothing
    assert not line.run.owes_ledger
    open_one, closed = (path(EDGE.name, line.run.id) for path in (LAYOUT.edge_ledger, LAYOUT.closed_ledger))
    assert [one.path for one in line.files.list(f"{LAYOUT.edges}/{EDGE.name}") if not one.is_folder] == []
    assert line.files.read(closed) == msgspec.json.encode(ledger)
    line.files.write(open_one, msgspec.json.encode(msgspec.structs.replace(ledger, closed=False)))
    assert list(read_ledgers(line.files, LAYOUT)) == [ledger], "killed between the two steps"


def test_a_ledger_of_before_is_closed_if_it_says_so() -> None:
    data = b'{"edge":"edge-1","incarnation":"a","next":3,"hours":{},"raw_mark":1,"at":1,"closed":true}'
    assert msgspec.json.decode(data, type=EdgeLedger).owes_nothing
