"""The real edge on a round's requests: the envelope, and the segment log that gives positions.

In: requests. Out: what the edge says to each; and the bytes of every accepted batch, as the segment log has them and
Kafka carries them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.clock import Clock
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.segment_log import SegmentLog
from ingestion.strict_json import UnreadableError
from ingestion.tail_cache import Cursor
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.settings import EdgeSettings
from tests.fuzz.moments import NOW
from tests.fuzz.requests import Request

TICK = 1_700
"""Microseconds from one accepted batch to the next: some share their millisecond, in which bronze has them."""


@dataclass(frozen=True)
class Outcome:
    """What the edge says to a request: a reading, or the problem that all of it is answered with."""

    reading: ParsedRequest
    problem: Kind | None = None


def envelope() -> Envelope:
    return Envelope(EdgeSettings(), PseudonymsByDay({0: b"k" * 32}))


def asked(reader: Envelope, request: Request) -> Outcome:
    """Only what the envelope documents is an outcome; whatever else it raises is for the caller to see."""
    try:
        return Outcome(reader.read(request.mode, request.body, request.headers, request.sender, NOW))
    except UnreadableError:
        return Outcome(ParsedRequest(), Kind.UNREADABLE_BODY)
    except ProblemError as error:
        return Outcome(ParsedRequest(), error.kind)


def accepted(request: Request, outcome: Outcome) -> Iterator[tuple[AcceptedEvent, bytes]]:
    """Each accepted event, and the bytes that were sent for it."""
    refused = {refusal.index for refusal in outcome.reading.rejections}
    if outcome.problem:
        return iter(())
    taken = [text for index, text in enumerate(request.events) if index not in refused]
    return zip(outcome.reading.events, taken, strict=True)


class Edge:
    """One incarnation of an edge."""

    def __init__(self, folder: Path, name: str, incarnation: str, start: int = NOW) -> None:
        ticks = iter(range(start, start + 10**12, TICK))
        folder.mkdir(parents=True, exist_ok=True)
        clock = Clock(folder / f"{name}.json", lambda: next(ticks))
        self._log = SegmentLog(folder / name, name, incarnation, clock, max_bytes=256 << 10, damaged=folder / "damaged")
        self._reader = envelope()
        self._read = Cursor(0, 0)
        self.refused: Counter[str] = Counter()

    def take(self, requests: Iterable[Request]) -> list[bytes]:
        """The lines that these requests have added to the log."""
        for request in requests:
            reading = asked(self._reader, request).reading
            self.refused.update(str(refusal.reason) for refusal in reading.rejections)
            if reading.events:
                self._log.append(request.sender.merchant_id, reading.events)
                self._log.seal(older_than=3_600)
        return self._new_lines()

    def _new_lines(self) -> list[bytes]:
        found: list[bytes] = []
        while lines := self._log.lines.read(self._read, 1 << 20):
            found += [line.text for line in lines]
            self._read = lines[-1].end
        return found
