"""Writes raw files for what no raw file has, from bronze: ``lakehouse bronze-to-raw``.

In: the gaps that edges and retirements have named. Out: raw files under the original positions, and a note of what is
filled. Promise: a file's manifest is written last, and the note after all files, so that a kill costs the file that was
being written; what is in a raw file is not written again. Cost and memory follow the gaps.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Protocol

from lakehouse import instants
from lakehouse.bronze_to_raw.bronze import Bronze, Part
from lakehouse.bronze_to_raw.lines import raw_files
from lakehouse.bronze_to_raw.plan import Filling, Wanted
from lakehouse.clients.files import Files
from lakehouse.clients.raw_files import commit
from lakehouse.clients.trino import Row, Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked
from lakehouse.errors import RefusedError
from lakehouse.ledger import raw_gaps, spans
from lakehouse.ledger.model import Run, Stream
from lakehouse.ledger.raw_gaps import Filled, Gaps
from lakehouse.ledger.spans import Span, Spans
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import Settings

ROWS_AT_ONCE = 100_000
"""What a statement gives at most, or one segment."""


class Reads(Protocol):
    """What is needed of bronze."""

    def runs(self, stream: Stream, hour: int, bounds: Span) -> list[Run]: ...

    def rows(self, part: Part) -> Iterator[Row]: ...


class BronzeToRaw:
    """The verb, on one stack."""

    def __init__(self, files: Files, layout: Layout, bronze: Reads) -> None:
        self._files = files
        self._layout = layout
        self._bronze = bronze

    @classmethod
    def of(cls, settings: Settings, files: Files) -> "BronzeToRaw":
        """Raises :class:`RefusedError` before the first release."""
        layout = Layout(settings.warehouse)
        current = ReleaseLog(files, layout).current()
        if current is None:
            raise RefusedError("nothing has been released yet: what bronze has is known from a release on")
        return cls(files, layout, Bronze(Trino.of(settings, read_only=True), current.release.bronze))

    def plan(self) -> Filling:
        """Looks at raw files and bronze; changes nothing."""
        named = raw_gaps.unfilled(self._files, self._layout)
        missing: Gaps = {}
        wanted: list[Wanted] = []
        for stream, booked in raw_gaps.not_in_raw(self._files, self._layout, named).items():
            runs = [run for hour, gaps in _by_hour(booked) for run in self._runs(stream, hour, gaps)]
            wanted += parts_of(stream, runs)
            if lacking := raw_gaps.without(booked, spans.merge(run.span for run in runs)):
                missing[stream] = lacking
        return Filling(named, missing, wanted)

    def carry_out(self, filling: Filling, watch: Callable[[int], None] = lambda count: None) -> tuple[int, int]:
        """How many events and files were written; ``watch`` hears of each file how many events it has."""
        events = files = 0
        for wanted in filling.wanted:
            for count in self._write(wanted):
                events, files = events + count, files + 1
                watch(count)
        for stream, booked in filling.named.items():
            lacking = spans.merge(one.span for one in filling.missing.get(stream, ()))
            done = spans.subtract(spans.merge(one.span for one in booked), lacking)
            if done:
                note = Filled(stream.edge, stream.incarnation, done, instants.now_micros())
                raw_gaps.add_filled(self._files, self._layout, note)
        return events, files

    def _runs(self, stream: Stream, hour: int, gaps: Spans) -> Iterator[Run]:
        """What bronze has of these sequences, in order and each once."""
        seen: Spans = []
        for run in sorted(self._bronze.runs(stream, hour, (gaps[0][0], gaps[-1][1])), key=lambda run: run.first):
            for start, end in spans.subtract(spans.intersect([run.span], gaps), seen):
                yield run._replace(first=start, last=end - 1)
            seen = spans.merge([*seen, run.span])

    def _write(self, wanted: Wanted) -> Iterator[int]:
        """Its raw files; how many events each has."""
        rows = among(self._bronze.rows(wanted.part), wanted.sequences)
        for segment, own in groupby(rows, key=lambda row: str(row["segment"])):
            for file in raw_files(wanted.part.stream.edge, segment, own):
                commit(self._files, self._layout, file.manifest, file.data, file.name)
                yield file.manifest.count


def parts_of(stream: Stream, runs: Iterable[Run], most: int = ROWS_AT_ONCE) -> Iterator[Wanted]:
    """Whole segments of one hour together, up to so many events or one segment. Runs are in order."""
    for hour, of_hour in groupby(runs, key=lambda run: run.hour):
        segments: list[str] = []
        sequences: Spans = []
        for segment, own in groupby(of_hour, key=lambda run: run.segment):
            held = spans.merge(run.span for run in own)
            if sequences and spans.size(sequences) + spans.size(held) > most:
                yield _wanted(stream, hour, segments, sequences)
                segments, sequences = [], []
            segments.append(segment)
            sequences = spans.merge([*sequences, *held])
        yield _wanted(stream, hour, segments, sequences)


def among(rows: Iterable[Row], sequences: Spans) -> Iterator[Row]:
    """Those of these sequences. Rows come in order, as the spans do."""
    waiting = iter(sequences)
    start, end = next(waiting)
    for row in rows:
        while row["seq"] >= end:
            following = next(waiting, None)
            if following is None:
                return
            start, end = following
        if row["seq"] >= start:
            yield row


def _wanted(stream: Stream, hour: int, segments: list[str], sequences: Spans) -> Wanted:
    return Wanted(Part(stream, hour, tuple(segments), sequences[0][0], sequences[-1][1] - 1), sequences)


def _by_hour(booked: Iterable[Booked]) -> Iterator[tuple[int, Spans]]:
    for hour, own in groupby(booked, key=lambda one: one.hour):
        yield hour, spans.merge(one.span for one in own)
