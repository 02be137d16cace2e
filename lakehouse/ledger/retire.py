"""Books as lost what an incarnation still owes whose disk is gone: ``lakehouse edge retire``.

In: an operator's request. Out: a :class:`Retirement` on HDFS. Promise: an incarnation that is alive is refused, by its
ledger and by its watermarks on Kafka; only what no stage has seen is booked as lost, and nothing while a document
cannot be read that may say otherwise.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse import instants
from lakehouse.clients.files import Files, clock
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import EdgeLedger
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.ledger.booking import Booking, booking, count
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.gather import Gatherer
from lakehouse.ledger.model import Evidence, Stage, Stream, Unread
from lakehouse.ledger.proof import upheld
from lakehouse.ledger.prove import Prover
from lakehouse.ledger.read_watermarks import speaks
from lakehouse.ledger.retirement import Retirement, add_retirement, read_retirements
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import new_nonce
from lakehouse.settings import Settings
from lakehouse.verb_plan import VerbPlan


@dataclass(frozen=True)
class RetireRequest:
    """``lost`` says that the operator knows that the disk is gone."""

    incarnation: str
    lost: bool
    actor: str
    reason: str
    operation: str | None = None


@dataclass(frozen=True)
class Retiring:
    """What would be booked. ``unread`` is its ledger, where that cannot be read."""

    request: RetireRequest
    stream: Stream
    found: Booking
    unread: Unread | None = None

    def document(self) -> dict[str, Any]:
        return {
            "edge": self.stream.edge,
            "incarnation": self.stream.incarnation,
            "accepted": self.found.accepted,
            "lost": count(self.found.lost),
            "raw_gaps": count(self.found.raw_gaps),
            "only_raw": count(self.found.only_raw),
            "hours": self.found.hours(),
        } | ({"problem": self.unread.says} if self.unread else {})

    def steps(self) -> tuple[str, ...]:
        """For people."""
        name, found = "/".join(self.stream), self.found
        steps = [
            f"of {found.accepted:,} events that {name} accepted, {count(found.lost):,} are booked as lost: no stage "
            "has seen them",
            f"{count(found.raw_gaps):,} that are counted, but not in raw files, are booked as raw gaps, which "
            "`lakehouse bronze-to-raw` fills",
        ]
        if self.unread is not None:
            steps.append(
                f"{self.unread.says}: events that only it knew of are not counted here, and will not be missed"
            )
        if found.only_raw:
            steps.append(
                f"{count(found.only_raw):,} are in raw files only and are not booked: `lakehouse reprocess --from raw` "
                "counts them"
            )
        return (
            *steps,
            *(
                f"accepted in {row['hour']}: {row['lost']:,} lost, {row['raw_gaps']:,} raw gaps"
                for row in found.hours()
                if row["lost"] or row["raw_gaps"]
            ),
        )

    def plan(self) -> VerbPlan:
        return VerbPlan("edge retire", self.steps(), self.document())


class Retire:
    """The verb, on one stack. ``evidence`` reads all stages; ``speaks`` asks Kafka for an incarnation's watermarks."""

    def __init__(
        self,
        settings: Settings,
        files: Files,
        evidence: Callable[[], Evidence],
        speaks: Callable[[str, datetime], bool],
    ) -> None:
        self._files = files
        self._layout = Layout(settings.warehouse)
        self._silent_after = settings.transform.edge_silent_after
        self._evidence = evidence
        self._speaks = speaks

    @classmethod
    def of(cls, settings: Settings, files: Files) -> "Retire":
        return cls(
            settings,
            files,
            lambda: evidence_of(settings, files),
            lambda incarnation, since: speaks(settings.kafka_bootstrap, incarnation, since),
        )

    def plan(self, request: RetireRequest) -> Retiring:
        """Raises :class:`RefusedError` for one that is alive, unknown, closed, or retired with nothing new to book."""
        if not request.lost:
            raise RefusedError(
                "an edge whose folder is there still delivers all of it: start it again. If its disk is gone for good, "
                f"`lakehouse edge retire {request.incarnation} --lost --reason ...` books what is missing as lost; "
                "with --dry-run it shows how much that is"
            )
        self._refuse_if_closed_or_alive(request.incarnation)
        evidence = self._evidence()
        stream = _stream_of(request.incarnation, evidence)
        unread = [one for one in evidence.unread if one.concerns(stream)]
        if needed := [one.says for one in unread if not one.is_ledger]:
            raise RefusedError(
                f"what is missing of {'/'.join(stream)} cannot be known: {'; '.join(needed)}. Mend that first, or "
                "move it away"
            )
        found = booking(evidence, stream)
        if evidence.retired.get(stream, -1) >= found.accepted and not found.lost and not found.raw_gaps:
            raise RefusedError(f"{'/'.join(stream)} is retired, and nothing more of it is missing")
        return Retiring(request, stream, found, unread[0] if unread else None)

    def carry_out(self, retiring: Retiring) -> Retirement:
        """Looks once more whether it is alive: reading the stages may have taken minutes."""
        self._refuse_if_closed_or_alive(retiring.request.incarnation)
        retirement = Retirement(
            edge=retiring.stream.edge,
            incarnation=retiring.stream.incarnation,
            accepted=retiring.found.accepted,
            lost=retiring.found.lost,
            raw_gaps=retiring.found.raw_gaps,
            actor=retiring.request.actor,
            reason=retiring.request.reason,
            retired_at=instants.to_micros(clock(self._files, self._layout.staging)),
            nonce=new_nonce(),
            operation=retiring.request.operation,
        )
        add_retirement(self._files, self._layout, retirement)
        return retirement

    def done_by(self, operation: str) -> Retirement | None:
        """What was booked for an operation of the ops API that was killed before it had a result."""
        return next((one for one in read_retirements(self._files, self._layout) if one.operation == operation), None)

    def _refuse_if_closed_or_alive(self, incarnation: str) -> None:
        """In this order: one that has just closed was heard a moment ago."""
        since = clock(self._files, self._layout.staging) - self._silent_after
        edges = self._files.list(self._layout.edges)
        for edge in edges:
            if self._has_closed(edge.name, incarnation):
                raise _closed(Stream(edge.name, incarnation))
        for edge in edges:
            heard_at = self._heard_at(edge.name, incarnation)
            if heard_at is not None and heard_at >= since:
                raise RefusedError(
                    f"{edge.name}/{incarnation} is alive: it renewed its ledger at {instants.to_text(heard_at)}. An "
                    f"edge that is gone can be retired {self._silent_after} (hours, minutes, seconds) later"
                )
        if self._speaks(incarnation, since):
            raise RefusedError(
                f"{incarnation} is alive: it sends watermarks to Kafka, though it renews no ledger on HDFS. "
                "Look at the edge's log"
            )

    def _has_closed(self, edge: str, incarnation: str) -> bool:
        """As it says itself. A ledger that cannot be read is among the evidence."""
        documents = Documents(self._files, unread=[])
        for path in (self._layout.closed_ledger(edge, incarnation), self._layout.edge_ledger(edge, incarnation)):
            with suppress(NotFoundError):
                ledger = documents.read(path, EdgeLedger, Unread(path, edge, incarnation, is_ledger=True))
                return ledger is not None and ledger.owes_nothing
        return False

    def _heard_at(self, edge: str, incarnation: str) -> datetime | None:
        try:
            return self._files.stat(self._layout.edge_ledger(edge, incarnation)).modified
        except NotFoundError:
            return None


def evidence_of(settings: Settings, files: Files) -> Evidence:
    """What every stage has seen. What has been proved is not read again: all stages have it."""
    current = ReleaseLog(files, Layout(settings.warehouse)).current()
    shown = current.release if current else None
    proof = Prover(settings, files).proof(shown.gold_version) if shown else None
    evidence = Gatherer(settings, files).gather(shown, proof).evidence
    return upheld(evidence, proof) if proof else evidence


def _stream_of(incarnation: str, evidence: Evidence) -> Stream:
    """The incarnation by its id; one that died before its first ledger is known by what it has delivered, or by its
    watermarks."""
    ledgers = {Stream(one.edge, one.incarnation): one for one in evidence.ledgers}
    seen = ledgers.keys() | {run.stream for run in evidence.runs(*Stage)} | evidence.retired.keys()
    seen |= evidence.marks.keys()
    seen |= {Stream(one.edge, one.incarnation) for one in evidence.unread if one.edge and one.incarnation}
    found = [stream for stream in seen if stream.incarnation == incarnation]
    if not found:
        raise RefusedError(f"no edge has an incarnation {incarnation}; `lakehouse edge list` names them")
    ledger = ledgers.get(found[0])
    if ledger is not None and ledger.owes_nothing:
        raise _closed(found[0])
    return found[0]


def _closed(stream: Stream) -> RefusedError:
    return RefusedError(f"{'/'.join(stream)} has closed: it has delivered all that it accepted")
