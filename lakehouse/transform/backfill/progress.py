"""How far a rebuild is: one small document that its builder keeps fresh, and that anyone may watch.

In: the rebuild's own counts. Out: ``gold_versions/N/progress.json``. Nothing rests on it: what has been built is known
from the snapshots. So it is written beside the work, which would otherwise wait for half a second each time: the client
asks once whether the NameNode knows of the last block, and then sleeps so long.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum

import msgspec

from lakehouse.clients.files import Files, replace
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, NotFoundError, RefusedError
from lakehouse.instants import now_micros


class Phase(StrEnum):
    RAW = "raw"
    """Raw files are made into a new bronze generation."""
    COPY = "copy"
    """What lies outside of --since and --until is copied."""
    SLICES = "slices"
    CATCH_UP = "catch_up"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_last(self) -> bool:
        return self in (Phase.DONE, Phase.FAILED)


class Progress(msgspec.Struct, frozen=True):
    """``rows`` of ``rows_total`` bronze rows are built (beside shared tables, silver rows built upon); instants in
    microseconds since 1970.

    ``rows_per_second`` is that of this run, None until a slice is done; ``failure`` says why it has stopped, and
    ``is_lasting`` that it would fail again.
    """

    phase: Phase
    updated_at: int
    rows: int = 0
    rows_total: int | None = None
    rows_per_second: float | None = None
    failure: str | None = None
    is_lasting: bool = False

    @property
    def seconds_left(self) -> float | None:
        """By the rate so far; None where nobody can say."""
        if self.rows_total is None or not self.rows_per_second:
            return None
        return max(0, self.rows_total - self.rows) / self.rows_per_second

    @property
    def words(self) -> str:
        """A line for people."""
        match self.phase:
            case Phase.SLICES if self.rows_total is not None:
                left = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} left"
                return f"{self.rows:,} of {self.rows_total:,} rows are built{left}"
            case Phase.FAILED:
                return f"it could not be built: {self.failure}"
            case phase:
                return _WORDS[phase]


_WORDS = {
    Phase.RAW: "a new bronze generation is made from the raw files",
    Phase.COPY: "what is not reprocessed is copied",
    Phase.SLICES: "history is built",
    Phase.CATCH_UP: "all rows are built; it catches up with the live line",
    Phase.DONE: "all rows are built, up to where the live line stood",
}


def duration(seconds: float) -> str:
    """An estimate in words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


Watch = Callable[[Progress], None]


class ProgressFile:
    """The document of one gold version. ``watch`` gets what is said here, but for the end of what fails: that is
    raised."""

    def __init__(
        self,
        files: Files,
        layout: Layout,
        version: GoldVersionNumber,
        watch: Watch = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._layout = layout
        self._path = layout.gold_version_progress(version)
        self._watch = watch
        self._clock = clock
        self._began = clock()
        self._rows_before: int | None = None
        self._said: Progress | None = None
        self._writer = ThreadPoolExecutor(1, "progress")
        self._writing: Future[None] | None = None

    def read(self) -> Progress | None:
        try:
            return msgspec.json.decode(self._files.read(self._path), type=Progress)
        except NotFoundError:
            return None

    def say(
        self,
        phase: Phase,
        *,
        rows: int | None = None,
        rows_total: int | None = None,
        failure: str | None = None,
        is_lasting: bool = False,
    ) -> None:
        """Without ``rows`` those that were said last stand, and after the slices all are built.

        Returns before it is written, except for the last word. Raises what has stopped the word before, unless this is
        the last: then it is overtaken, and must not hide why the work has ended.
        """
        try:
            self.settle()
        except LakehouseError:
            if not phase.is_last:
                raise
        if rows is None:
            rows, rows_total = self._counted(phase)
        rate = self._rate(phase, rows)
        self._said = Progress(phase, now_micros(), rows, rows_total, rate, failure, is_lasting)
        staging, document = self._layout.staging, msgspec.json.encode(self._said)
        self._writing = self._writer.submit(replace, self._files, staging, self._path, document)
        if phase is not Phase.FAILED:
            self._watch(self._said)
        if phase.is_last:
            self.settle()

    def failed(self) -> Progress | None:
        """How the rebuild has failed; None if it has not, or is at work again."""
        said = self.read()
        return said if said is not None and said.phase is Phase.FAILED else None

    def go_on(self) -> None:
        """What has failed is at work again."""
        if self.failed() is not None:
            self.say(Phase.SLICES)

    def settle(self) -> None:
        """Returns once what was said is written; raises :class:`LakehouseError` if it could not be."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _rate(self, phase: Phase, rows: int) -> float | None:
        if phase is not Phase.SLICES:
            return None
        if self._rows_before is None:
            self._rows_before, self._began = rows, self._clock()
        built = rows - self._rows_before
        return built / (self._clock() - self._began) if built > 0 else None

    def _counted(self, phase: Phase) -> tuple[int, int | None]:
        said = self._said or self.read()
        if said is None:
            return 0, None
        all_are_in = phase in (Phase.CATCH_UP, Phase.DONE)
        return (said.rows_total or said.rows) if all_are_in else said.rows, said.rows_total


def not_built(files: Files, layout: Layout, version: GoldVersionNumber) -> RefusedError:
    """The refusal of what needs a whole version: it is being built, or that has failed."""
    failed = ProgressFile(files, layout, version).failed()
    if failed is not None:
        again = "would fail again" if failed.is_lasting else "goes on with it"
        return RefusedError(
            f"gold version {version} could not be built: {failed.failure}. The same `lakehouse reprocess` {again}; "
            f"`lakehouse drop {version}` takes away what is there of it"
        )
    return RefusedError(
        f"gold version {version} is not built yet; wait until its `lakehouse reprocess` is done, or run that again if "
        "it was stopped"
    )
