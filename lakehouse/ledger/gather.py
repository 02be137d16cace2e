"""Reads what every stage holds, from the last stage back to the first.

In: the settings of a stack. Out: :class:`Evidence`. Why the last stage comes first: an event that moves on meanwhile
is then seen at the stages before it, and never looks as if it had come from nowhere. An edge's document that cannot be
read is noted: it costs that edge alone.
"""

from collections import Counter
from dataclasses import dataclass, field

from lakehouse import instants
from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.ledger import read_edges, read_tables, spans
from lakehouse.ledger.accepted import by_stream
from lakehouse.ledger.model import Evidence, Run, Stage, Stream, Unread
from lakehouse.ledger.proof import Proof
from lakehouse.ledger.raw_gaps import gap_runs, unfilled
from lakehouse.ledger.read_kafka import KafkaRuns, read_kafka
from lakehouse.ledger.retirement import Retirement, read_retirements
from lakehouse.ledger.window import EVERYTHING, Window
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Release
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings

Stages = dict[Stage, tuple[Run, ...]]


@dataclass(frozen=True)
class Gathered:
    """The evidence. ``kafka_from_bronze`` positions of its stage ``kafka`` are there by what bronze says alone."""

    evidence: Evidence
    release: ReleaseNumber | None
    kafka_from_bronze: int
    retirements: list[Retirement] = field(default_factory=list)


class Gatherer:
    """The readers of one stack."""

    def __init__(self, settings: Settings, files: Files, trino: Trino | None = None) -> None:
        self._settings = settings
        self._files = files
        self._layout = Layout(settings.warehouse)
        self._trino = trino or Trino.of(settings, read_only=True)

    def gather(self, shown: Release | None = None, proof: Proof | None = None, window: Window = EVERYTHING) -> Gathered:
        """Reads everything once; silver as the current release has it, or as ``shown`` would. Given a proof, what was
        accepted after its hours, and of its own no more than lies beside that; and not what is only shown. Of tables,
        which are by far the largest, the days of the window: what hours before it were seen by is no matter to it."""
        if shown is None:
            current = ReleaseLog(self._files, self._layout).current()
            shown = current.release if current else None
        since = proof.through if proof else 0
        kafka = read_kafka(self._settings.kafka_bootstrap, since)
        # In this order: a gap is named before a ledger passes over it, and filled before that is noted.
        heard_since = instants.to_micros(instants.now() - self._settings.transform.edge_silent_after)
        unread: list[Unread] = []
        ledgers = tuple(read_edges.read_ledgers(self._files, self._layout, unread))
        retirements = read_retirements(self._files, self._layout, unread)
        gaps = unfilled(self._files, self._layout, retirements, unread)
        days = read_edges.first_day(since)
        manifests = list(read_edges.read_manifests(self._files, self._layout, days, unread))
        raw = tuple(read_edges.raw_runs(manifests))
        late: Counter[int] = Counter()
        tables, without_kafka = self._tables(shown, kafka, raw, late, max(since, window.first), window)
        evidence = Evidence(
            ledgers=ledgers,
            lost=tuple(run for one in retirements for run in one.runs(one.lost)),
            raw_gaps=tuple(gap_runs(gaps)),
            retired={one.stream: one.accepted for one in retirements},
            stages={**tables, Stage.KAFKA: (*kafka.runs, *without_kafka), Stage.RAW: raw},
            raw_holes=tuple(read_edges.raw_holes(manifests, ledgers, proof.reached if proof else {})),
            late=late,
            rejected=self._rejected(shown) if proof is None else Counter(),
            unreadable=read_tables.unreadable_hours(self._trino, shown) if shown and proof is None else Counter(),
            complete_through=shown.complete_through if shown else None,
            heard_since=heard_since,
            unread=tuple(dict.fromkeys(unread)),
            marks=self._marks(shown),
        )
        number = shown.release if shown else None
        return Gathered(evidence, number, _beyond(without_kafka, kafka.runs), retirements)

    def _tables(
        self,
        release: Release | None,
        kafka: KafkaRuns,
        raw: tuple[Run, ...],
        late: Counter[int],
        since: int,
        window: Window,
    ) -> tuple[Stages, tuple[Run, ...]]:
        """What the release's tables hold, and which positions of bronze need no Kafka record."""
        found: dict[Stage, list[Run]] = {stage: [] for stage in Stage}
        without_kafka: list[Run] = []
        if release is None or release.bronze.delta_version < 0:
            return {}, ()
        cursor = release.bronze
        aged = {number: offset for number, offset in kafka.earliest.items() if offset > 0}
        counts = read_tables.bronze_days(self._trino, cursor, since)
        days = {day: count for day, count in counts.items() if window.has_day(day)}
        for span in read_tables.spans_of(days):
            found[Stage.BRONZE] += read_tables.bronze_runs(self._trino, cursor, span, late)
            if aged or cursor.generation != FIRST_GENERATION:  # which alone has no row from a raw file
                without_kafka += read_tables.without_kafka_runs(self._trino, cursor, span, aged)
        others = read_tables.days_of(run for run in (*kafka.runs, *raw) if run.hour >= since)
        elsewhere = dict.fromkeys(filter(window.has_day, others), 0)
        for span in read_tables.spans_of(elsewhere | days):
            for stage, run in read_tables.counted_runs(self._trino, release, span):
                found[stage].append(run)
        return {stage: tuple(runs) for stage, runs in found.items()}, tuple(without_kafka)

    def _marks(self, release: Release | None) -> dict[Stream, int]:
        """An edge that never reached HDFS is known by these alone."""
        if release is None:
            return {}
        snapshot = Versions(self._files, self._layout).snapshot(release.gold_version, release.snapshot)
        return {Stream(one.edge, one.incarnation): one.least for one in snapshot.marks}

    def _rejected(self, release: Release | None) -> Counter[int]:
        if release is None:
            return Counter()
        snapshot = Versions(self._files, self._layout).snapshot(release.gold_version, release.snapshot)
        return read_tables.rejected_hours(self._trino, release.bronze, snapshot)


def _beyond(runs: tuple[Run, ...], others: tuple[Run, ...]) -> int:
    """How many positions are in the first only."""
    known = by_stream(others)
    return sum(
        spans.size(
            spans.subtract(
                spans.merge(run.span for run in found), spans.merge(run.span for run in known.get(stream, ()))
            )
        )
        for stream, found in by_stream(runs).items()
    )
