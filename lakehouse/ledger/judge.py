"""The arithmetic of promise 1: accepted = kafka = raw = bronze = silver + duplicates + quarantined (+ lost).
Where a disk was lost or full, raw + raw_gaps stands for raw.

In: :class:`Evidence`. Out: a :class:`Verdict` with a line for every acceptance hour and, by name, each position that is
missing at a stage or counted twice, and each edge's hours that cannot be judged (``doubts``). An edge's hour before the
watermark is judged, as far as its word reaches. In another one, a position counts once it has been seen at every
stage; until then it is in flight. Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from lakehouse.ledger import spans
from lakehouse.ledger.accepted import Hours, accepted_hours, by_stream, given_up
from lakehouse.ledger.coverage import LedgerWatermark, first_hour, least, words_of
from lakehouse.ledger.doubts import Doubts
from lakehouse.ledger.model import COUNTED, Discrepancy, Evidence, Stage, Stream, Unproved
from lakehouse.ledger.segments import Segments
from lakehouse.ledger.spans import Spans

COLUMNS = (
    *("accepted", "kafka", "raw", "bronze", "silver", "duplicates", "quarantined", "lost"),
    *("redelivered", "rejected", "late", "in_flight", "unreadable_by_model", "raw_gaps"),
)


@dataclass
class HourLine:
    """One acceptance hour. ``counts`` has the columns; what is absent is 0. It is ``judged`` if it is of all edges, and
    ``unproved`` names the incarnations of which it should be and cannot."""

    hour: int
    judged: bool
    counts: Counter[str] = field(default_factory=Counter)
    unproved: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        if self.unproved:
            return False
        count = self.counts
        columns = [count[Stage.KAFKA], count[Stage.RAW] + count["raw_gaps"], count[Stage.BRONZE]]
        columns.append(sum(count[stage] for stage in COUNTED))
        return all(column + count["lost"] == count["accepted"] for column in columns)


@dataclass(frozen=True)
class Verdict:
    """``missing`` and ``doubled`` are of judged hours, except for holes that can never be filled by waiting."""

    hours: list[HourLine]
    missing: list[Discrepancy]
    doubled: list[Discrepancy]
    watermark: LedgerWatermark
    unproved: list[Unproved] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        return not self.unproved and self.balanced_where_judged

    @property
    def balanced_where_judged(self) -> bool:
        """Whether nothing is wrong but that some hours cannot be judged."""
        wrong = any(not line.balanced for line in self.hours if not line.unproved)
        return not self.missing and not self.doubled and not wrong

    @property
    def totals(self) -> Counter[str]:
        return sum((line.counts for line in self.hours), Counter())


@dataclass(frozen=True)
class _Held:
    """What the stages hold of one incarnation. ``twice`` are positions that are counted more than once, ``raw_gaps``
    those that need not be in raw files: what is booked as absent there, or as lost, and has come by Kafka."""

    kafka: Spans
    raw: Spans
    bronze: Spans
    counted: dict[Stage, Spans]
    settled: Spans
    twice: Spans
    lost: Spans
    raw_gaps: Spans

    def everywhere(self, accepted: Spans) -> Spans:
        for stage in (self.kafka, spans.merge([*self.raw, *self.raw_gaps]), self.bronze, self.settled):
            accepted = spans.intersect(accepted, stage)
        return accepted

    def not_in_raw(self, accepted: Spans) -> Spans:
        """What raw files should hold and do not."""
        return spans.subtract(accepted, self._in_raw_or_known)

    @cached_property
    def _in_raw_or_known(self) -> Spans:
        return spans.merge([*self.raw, *self.raw_gaps, *self.lost])


def judge(evidence: Evidence, *, everything: bool = False) -> Verdict:
    """The verdict. With ``everything`` each hour is judged, whether or not the watermark has passed it."""
    accepted = accepted_hours(evidence)
    words = words_of(evidence, accepted)
    held = _held(evidence, accepted.keys())
    doubts = Doubts(evidence, words, first_hour(evidence, accepted), everything)
    lines = _lines(evidence, accepted, doubts)
    segments = Segments(evidence)
    missing: list[Discrepancy] = []
    doubled: list[Discrepancy] = []
    unproved: list[Unproved] = []
    judged: set[tuple[Stream, int]] = set()
    for stream, by_hour in accepted.items():
        for hour, positions in by_hour.items():
            lacks_raw = bool(held[stream].not_in_raw(positions))
            is_judged = doubts.judges(stream, hour, lacks_raw)
            _count(lines[hour], positions, held[stream], is_judged)
            if is_judged:
                judged.add((stream, hour))
                missing += segments.name(stream, hour, _missing(positions, held[stream]))
            else:
                lines[hour].judged = False
                unproved += doubts.about_raw(stream, hour)
            doubled += segments.name(stream, hour, _doubled(positions, held[stream]))
    missing += _holes(evidence, judged, held, doubts)
    unproved += doubts.about_words()
    for one in unproved:
        if one.hour in lines:
            lines[one.hour].judged = False
            lines[one.hour].unproved.append("/".join(one.stream))
    for hour, line in lines.items():
        line.counts.update(late=evidence.late[hour], rejected=evidence.rejected[hour])
        line.counts.update(unreadable_by_model=evidence.unreadable[hour])
    for hour, count in _redelivered(evidence, accepted).items():
        lines[hour].counts["redelivered"] += count
    mark = least(evidence, words)
    return Verdict(list(lines.values()), sorted(set(missing)), sorted(doubled), mark, sorted(unproved))


def _lines(evidence: Evidence, accepted: dict[Stream, Hours], doubts: Doubts) -> dict[int, HourLine]:
    shown_only = evidence.late.keys() | evidence.rejected.keys() | evidence.unreadable.keys()
    hours = {hour for found in accepted.values() for hour in found} | shown_only
    return {hour: HourLine(hour, doubts.is_over(hour)) for hour in sorted(hours)}


def _count(line: HourLine, accepted: Spans, held: _Held, is_judged: bool) -> None:
    """Adds one incarnation's positions of one hour."""
    lost = spans.intersect(accepted, held.lost)
    arrived = accepted if is_judged else spans.merge([*held.everywhere(accepted), *lost])
    line.counts["accepted"] += spans.size(arrived)
    line.counts["in_flight"] += spans.size(accepted) - spans.size(arrived)
    line.counts["lost"] += spans.size(lost)
    kept = spans.subtract(arrived, lost)
    line.counts["raw_gaps"] += spans.size(spans.intersect(kept, held.raw_gaps))
    for stage, positions in (("kafka", held.kafka), ("raw", held.raw), ("bronze", held.bronze)):
        line.counts[stage] += spans.size(spans.intersect(kept, positions))
    for counted, positions in held.counted.items():
        line.counts[counted] += spans.size(spans.intersect(kept, positions))


def _missing(accepted: Spans, held: _Held) -> Iterator[tuple[str, Spans]]:
    """A position is named at the first stage of its path that lacks it, and besides at the raw files."""
    due = spans.subtract(accepted, held.lost)
    yield Stage.KAFKA, spans.subtract(due, held.kafka)
    yield Stage.RAW, spans.subtract(spans.subtract(due, held.raw), held.raw_gaps)
    yield Stage.BRONZE, spans.subtract(spans.intersect(due, held.kafka), held.bronze)
    yield Stage.SILVER, spans.subtract(spans.intersect(due, held.bronze), held.settled)


def _doubled(accepted: Spans, held: _Held) -> Iterator[tuple[str, Spans]]:
    yield Stage.SILVER, spans.intersect(accepted, held.twice)


def _holes(
    evidence: Evidence, judged: set[tuple[Stream, int]], held: dict[Stream, _Held], doubts: Doubts
) -> Iterator[Discrepancy]:
    """Segments that a later manifest or an edge's own word proves to be missing; judged hours name them already."""
    for run in evidence.raw_holes:
        if (run.stream, run.hour) not in judged and doubts.reads_raw(run.stream, run.hour):
            known = held.get(run.stream)
            booked = spans.merge([*known.lost, *known.raw_gaps]) if known else []
            for start, end in spans.subtract([run.span], booked):
                yield Discrepancy(run.hour, run.edge, run.segment, start, end - 1, Stage.RAW)


def _held(evidence: Evidence, streams: Iterable[Stream]) -> dict[Stream, _Held]:
    by_stage = {stage: by_stream(evidence.runs(stage)) for stage in Stage}
    lost = given_up(evidence)
    not_in_raw = by_stream((*evidence.lost, *evidence.raw_gaps))

    def of(stream: Stream, *stages: Stage) -> list[tuple[int, int]]:
        return [run.span for stage in stages for run in by_stage[stage].get(stream, ())]

    return {
        stream: _Held(
            kafka=spans.merge(of(stream, Stage.KAFKA)),
            raw=spans.merge(of(stream, Stage.RAW)),
            bronze=spans.merge(of(stream, Stage.BRONZE)),
            counted={stage: spans.merge(of(stream, stage)) for stage in COUNTED},
            settled=spans.merge(of(stream, *COUNTED)),
            twice=spans.repeated(of(stream, *COUNTED)),
            lost=lost.get(stream, []),
            raw_gaps=spans.subtract(
                spans.merge(run.span for run in not_in_raw.get(stream, ())), spans.merge(of(stream, Stage.RAW))
            ),
        )
        for stream in streams
    }


def _redelivered(evidence: Evidence, accepted: dict[Stream, Hours]) -> Counter[int]:
    """Bronze rows beyond the first of their position, by hour: Kafka was sent a batch again."""
    counts: Counter[int] = Counter()
    held: dict[tuple[Stream, int], list[tuple[int, int]]] = defaultdict(list)
    for run in evidence.runs(Stage.BRONZE):
        held[run.stream, run.hour].append(run.span)
    for (stream, hour), found in held.items():
        if hour in accepted[stream]:
            counts[hour] += spans.size(sorted(found)) - spans.size(spans.merge(found))
    return counts
