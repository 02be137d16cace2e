"""Sends entries through the edge again, mended or as they were.

In: what was kept of the entries, and a mend. Out: first what would be sent, on disk, with what it would add to the
numbers; then an answer of the edge for each event. What was previewed is what is sent, byte for byte. Sending an entry
twice is harmless: an event is counted once by its identity.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import IO, Any

import msgspec

from lakehouse.errors import RefusedError
from lakehouse.quarantine.event import Event, Kept, events_of, naming
from lakehouse.quarantine.event_text import UnsendableError, one_object
from lakehouse.quarantine.mend import Mend, UnmendableError
from lakehouse.quarantine.preview import Preview
from lakehouse.replay.batches import batches
from lakehouse.replay.lines import Line, RejectedLine
from lakehouse.replay.sender import Sender
from lakehouse.tokens import MERCHANT_ID

_BATCH = 500
_MOST_WAITING = 2_000
"""Events that are held until a batch of their merchant is full."""
_MOST_TOLD = 100
_decode = msgspec.msgpack.Decoder(tuple[str, str, bytes]).decode


@dataclass(frozen=True)
class Trouble:
    """An entry of which nothing was sent or taken, and why."""

    entry: str
    reason: str
    detail: str


@dataclass
class Prepared:
    """What would be sent: ``events`` of ``entries``, less those that the mend leaves out and those in ``troubles``, of
    which the first hundred are kept. ``replayed`` are entries that were replayed before."""

    preview: Preview = field(default_factory=Preview)
    entries: int = 0
    events: int = 0
    left_out: int = 0
    replayed: int = 0
    unsendable: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    _spool: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _names: list[str] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.preview.add(event.merchant_id, event.text)
        self._spool.write(_framed(msgspec.msgpack.encode((event.entry, event.merchant_id, event.text))))
        self.events += 1

    def cannot(self, trouble: Trouble) -> None:
        self.unsendable += 1
        if len(self.troubles) < _MOST_TOLD:
            self.troubles.append(trouble)

    def lines(self) -> Iterator[Line]:
        """The number of a line is the place of its event."""
        self._spool.seek(0)
        self._names = []
        while head := self._spool.read(4):
            entry, merchant_id, text = _decode(self._spool.read(int.from_bytes(head, "big")))
            self._names.append(entry)
            yield Line(len(self._names) - 1, merchant_id, text)

    def entry_of(self, line: int) -> str:
        return self._names[line]

    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {
            "entries": self.entries,
            "events": self.events,
            "left_out": self.left_out,
            "replayed_before": self.replayed,
            "unsendable": self.unsendable,
            "troubles": [asdict(trouble) for trouble in self.troubles],
            "preview": self.preview.documents(),
        }

    def told(self) -> Iterator[str]:
        """For people."""
        yield f"{self.events:,} events of {self.entries:,} entries are sent again"
        if self.left_out:
            yield f"{self.left_out:,} events are left out by the mend"
        if self.replayed:
            yield f"{self.replayed:,} of the entries were replayed before: what has counted since adds nothing"
        yield from (f"if accepted and not counted yet, of {line}" for line in self.preview.lines())
        yield from (f"{one.entry} cannot be sent: {one.detail}" for one in self.troubles[:10])
        if self.unsendable > 10:
            yield f"{self.unsendable:,} entries in all cannot be sent"


@dataclass(frozen=True)
class Sent:
    """What became of it. ``rejected`` are counted by reason; ``troubles`` name the first hundred."""

    accepted: int
    rejected: Counter[str]
    retried: int
    troubles: tuple[Trouble, ...]

    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {
            "accepted": self.accepted,
            "rejected": self.rejected.total(),
            "retried": self.retried,
            "rejections": [asdict(trouble) for trouble in self.troubles],
        }


def prepare(
    found: Iterable[Kept],
    mend: Mend | None,
    replayed: Callable[[datetime], set[str]],
    *,
    wanted: Iterable[str] = (),
    watch: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Looks at each entry once, and refuses if one that is ``wanted`` is not among them. ``replayed`` is asked for the
    names that were replayed since the oldest of them."""
    prepared = Prepared()
    names: set[str] = set()
    oldest: datetime | None = None
    for kept in found:
        names.add(kept.refused.name)
        oldest = min(oldest or kept.refused.at, kept.refused.at)
        prepared.entries += 1
        _prepare(prepared, kept, mend)
        watch(1)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise RefusedError(f"there is no entry {', '.join(missing)}; `lakehouse quarantine list` shows them")
    prepared.replayed = len(names & replayed(oldest)) if oldest is not None else 0
    return prepared


def send(prepared: Prepared, sender_of: Callable[[Callable[[RejectedLine], None]], Sender]) -> Sent:
    """``sender_of`` makes the sender, given who hears of what the edge rejects again."""
    rejected: Counter[str] = Counter()
    troubles: list[Trouble] = []

    def hear(line: RejectedLine) -> None:
        rejected[line.reason] += 1
        if len(troubles) < _MOST_TOLD:
            troubles.append(Trouble(prepared.entry_of(line.number), line.reason, line.detail))

    summary = sender_of(hear).run(batches(prepared.lines(), _BATCH, _MOST_WAITING))
    return Sent(summary.accepted, rejected, summary.retried, tuple(troubles))


def _prepare(prepared: Prepared, kept: Kept, mend: Mend | None) -> None:
    """All of an entry, or nothing."""
    name = kept.refused.name
    try:
        events = list(events_of(kept))
        mended = [_mended(event, mend) for event in events]
    except (UnsendableError, UnmendableError) as error:
        prepared.cannot(Trouble(name, "unsendable", str(error)))
        return
    for event in mended:
        if event is None:
            prepared.left_out += 1
        else:
            prepared.add(event)


def _mended(event: Event, mend: Mend | None) -> Event | None:
    """As it is sent: the name of its entry is set when all else is made."""
    if not MERCHANT_ID.fullmatch(event.merchant_id):
        raise UnsendableError(f"{event.merchant_id!r} is no merchant")
    text = event.text if mend is None else mend(event.text)
    return None if text is None else replace(event, text=naming(replace(event, text=_made(text))))


def _made(text: bytes) -> bytes:
    """A mend may make anything."""
    try:
        return one_object(text)
    except UnsendableError as error:
        raise UnmendableError(f"of what the mend makes of it: {error}") from error


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
