"""Builds a candidate by its plan: history in slices, then the live tail. Killed anywhere, it goes on where it was.

In: a gold version with a plan. Out: its snapshots, one a slice, until it stands where the live version stands. Each
slice is audited like a cycle; what a kill leaves behind is replaced. The live line does not wait for any of it: the
queries run under another user, whose resource group comes last, and each gold version has a lock of its own.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import msgspec

from lakehouse.clients.trino import QueryFailedError
from lakehouse.contracts.ids import GenerationNumber, SnapshotNumber
from lakehouse.errors import LakehouseError, NotReadyError, RefusedError
from lakehouse.releases import generations
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, GoldVersion, Plan, Snapshot, new_nonce, number_after
from lakehouse.releases.version_status import is_built
from lakehouse.transform import catalog
from lakehouse.transform.backfill import copy_base, raw_build_process
from lakehouse.transform.backfill.progress import Phase, ProgressFile, Watch
from lakehouse.transform.backfill.retry import Retry
from lakehouse.transform.backfill.slices import Slice, Wanted, cut, cut_around
from lakehouse.transform.building.build import Build, BuildFailedError
from lakehouse.transform.building.builder import Builder, Built
from lakehouse.transform.building.catch_up import CatchUp
from lakehouse.transform.building.shared_tables import SharedTables
from lakehouse.transform.building.table_states import ForeignCommitError
from lakehouse.transform.catalog import NoTableError
from lakehouse.transform.orphaned_queries import end_queries

PAUSE = 10.0
NOTHING_YET = 0
"""``built_before`` of a snapshot that has consumed no bronze row."""

Say = Callable[[str], None]


class DroppedError(RefusedError):
    """The candidate was dropped while it was being built."""


class RawBuildError(LakehouseError):
    """The raw files could not be made into a generation; started again, that goes on where it was."""


_MAY_PASS = (NotReadyError, QueryFailedError, BuildFailedError, ForeignCommitError, NoTableError, RawBuildError)


def may_pass(error: LakehouseError) -> bool:
    """Whether it may go well when it is tried again."""
    return isinstance(error, _MAY_PASS) and not (isinstance(error, BuildFailedError) and error.is_lasting)


class Rebuild:
    """One candidate. The caller holds the version's lock. ``say`` gets in words what happens, ``watch`` how far it
    is."""

    def __init__(
        self, builder: Builder, version: GoldVersion, say: Say = lambda _: None, watch: Watch = lambda _: None
    ) -> None:
        if version.plan is None:
            raise RefusedError(f"gold version {version.version} is no candidate: nothing was planned for it")
        self._builder = builder
        self._version = version
        self._plan: Plan = version.plan
        self._say = say
        self._log = ReleaseLog(builder.files, builder.layout)
        self._progress = ProgressFile(builder.files, builder.layout, version.version, watch)

    def run(self) -> Snapshot:
        """Returns the snapshot that stands where the live version stands; raises what has stopped it."""
        try:
            return self._persist()
        except DroppedError:
            raise
        except LakehouseError as error:
            with suppress(NotReadyError):  # a drop ends its queries
                self._stop_if_dropped()
            self._progress.say(Phase.FAILED, failure=str(error), is_lasting=not may_pass(error))
            raise

    def _persist(self) -> Snapshot:
        """Tries again what fails because a server is away: each attempt goes on after the newest snapshot."""
        retry = Retry()
        while True:
            retry.begin()
            try:
                return self._attempt()
            except LakehouseError as error:
                if not may_pass(error):
                    raise
                if retry.ends_with(error, self._reached(), can_shrink=self._builder.can_shrink):
                    raise
                self._say(f"tried again in {PAUSE:.0f} s: {error}")
                time.sleep(PAUSE)

    def _reached(self) -> int | None:
        """The newest snapshot's number; None while HDFS is away, too."""
        with suppress(NotReadyError):
            return max(self._builder.versions.snapshot_numbers(self._version.version), default=0)
        return None

    def _attempt(self) -> Snapshot:
        self._stop_if_dropped()
        self._progress.go_on()
        end_queries(self._builder.trino, self._version.version)
        last = self._builder.versions.latest_snapshot(self._version.version)
        if last is None or not is_built(last):
            self._build_history(last)
        return self._catch_up()

    def _build_history(self, last: Snapshot | None) -> None:
        if self._plan.shared:
            self._build_beside(last)
        else:
            self._build_slices(last)

    def _build_beside(self, last: Snapshot | None) -> None:
        """What is not shared, from what is."""
        base = self._base()
        assert base is not None, "what shares tables has a base"
        shared = SharedTables(self._builder, self._version, self._plan)
        self._builder.prepare(self._version, base.bronze.generation)
        parts = shared.parts(last, base, self._slice_rows)
        done, total = 0, sum(rows for _, rows in parts)
        for number, rows in parts:
            self._progress.say(Phase.SLICES, rows=done, rows_total=total)
            last = self._part(shared, last, base, number)
            done += rows

    def _part(self, shared: SharedTables, last: Snapshot | None, base: Snapshot, number: SnapshotNumber) -> Snapshot:
        self._stop_if_dropped()
        return shared.reach(last, base, self._say, number)

    def _build_slices(self, last: Snapshot | None) -> None:
        source = last.bronze if last else self._source()
        self._builder.parse_ahead(self._version, self._whole(source, last))
        self._builder.prepare(self._version, source.generation)
        if last is None and self._is_partial:
            last = self._copy(source)
        total, waiting = self._waiting(source, (last.built_before if last else None) or None)
        done = total - sum(part.rows for part in waiting)
        for part in waiting:
            self._progress.say(Phase.SLICES, rows=done, rows_total=total)
            last = self._slice(source, part, last)
            done += part.rows

    def _waiting(self, source: BronzeCursor, begin: int | None) -> tuple[int, list[Slice]]:
        """How many rows there are in all, and the slices from ``begin`` on."""
        since, until = self._plan.since, self._plan.until
        if self._is_partial and self._plan.bronze.delta_version < 0:
            slots = Wanted(source, None, None).per_slot(self._builder.trino)
            waiting = cut_around(slots, self._slice_rows, since, until, begin)
        else:
            slots = Wanted(source, since, until).per_slot(self._builder.trino)
            waiting = cut([slot for slot in slots if slot[0] >= (begin or 0)], self._slice_rows, begin or since, until)
        return sum(rows for _, rows in slots), waiting

    def _source(self) -> BronzeCursor:
        """The commits to read; of a generation that is made from raw files, once it is."""
        bronze = self._plan.bronze
        if bronze.delta_version >= 0:
            return bronze
        files, layout = self._builder.files, self._builder.layout
        if not generations.is_complete(files, layout, bronze.generation):
            self._progress.say(Phase.RAW)
            self._make_generation(bronze.generation)
        made = generations.streamed(files, layout, bronze.generation)
        assert made is not None, "a raw build ends with this document"
        return made.cursor

    def _make_generation(self, generation: GenerationNumber) -> None:
        """In a process of its own, which may live on if this one is killed: the next one takes over from it."""
        command = raw_build_process.rebuild_command(generation)
        environment = raw_build_process.rebuild_environment(self._builder.settings)
        last = ""
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stderr or ():
                last = line.strip() or last
                self._say(last)
        if process.returncode != 0:
            raise RawBuildError(f"bronze generation {generation} could not be made from the raw files: {last}")

    @property
    def _slice_rows(self) -> int:
        return self._builder.fitting(self._builder.settings.releases.slice_rows)

    @property
    def _is_partial(self) -> bool:
        return self._plan.since is not None or self._plan.until is not None

    def _copy(self, source: BronzeCursor) -> Snapshot:
        """Snapshot 1 holds what the plan leaves as it is."""
        base = self._base()
        assert base is not None, "a plan with bounds has a base"
        self._progress.say(Phase.COPY)
        catalog.remove(self._builder.trino, self._version.version)
        catalog.prepare(
            self._builder.trino, self._builder.settings, self._builder.layout, self._version.version, source.generation
        )
        copy_base.copy_outside(self._builder.trino, base, self._version.version, self._plan.since, self._plan.until)
        built = Built(self._builder.tables.found(self._version), [])
        return self._publish(copy_base.SNAPSHOT, source, built, built_before=NOTHING_YET)

    def _slice(self, source: BronzeCursor, part: Slice, last: Snapshot | None) -> Snapshot:
        self._stop_if_dropped()
        plan = replace(self._whole(source, last), since=part.since, until=part.until, adds_days=part.adds_days)
        built = self._builder.build(self._version, last, plan)
        base = self._base()
        if self._is_partial and base is not None:
            copy_base.refuse_new_tables(base, built.tables)
        return self._publish(plan.snapshot, source, built, None if part.is_last else part.until)

    def _whole(self, source: BronzeCursor, last: Snapshot | None) -> Build:
        """All that is to be read, in one build after ``last``."""
        number = number_after(last)
        plain = self._builder.plain_build(self._version, number, source.generation, -1, source.delta_version)
        return replace(plain, upon_a_copy=self._is_partial and number == copy_base.SNAPSHOT + 1)

    def _stop_if_dropped(self) -> None:
        if self._builder.versions.drop_of(self._version.version) is not None:
            raise DroppedError(f"gold version {self._version.version} has been dropped")

    def _publish(
        self, number: SnapshotNumber, source: BronzeCursor, built: Built, built_before: int | None
    ) -> Snapshot:
        """With the last slice the snapshot says what the commits prove, as that of a cycle would."""
        empty = Snapshot(
            gold_version=self._version.version,
            number=number,
            bronze=source,
            tables=built.tables,
            marks=[],
            offsets={},
            complete_through=None,
            changed=True,
            query_ids=built.query_ids,
            nonce=new_nonce(),
            built_before=built_before,
        )
        return self._builder.publish(empty if built_before is not None else self._proven(empty))

    def _proven(self, snapshot: Snapshot) -> Snapshot:
        base = self._base()
        if base is None or base.bronze != snapshot.bronze:
            return self._builder.prove(snapshot)
        return msgspec.structs.replace(
            snapshot, marks=base.marks, offsets=base.offsets, complete_through=base.complete_through
        )

    def _base(self) -> Snapshot | None:
        base = self._plan.base
        return self._builder.versions.snapshot(base.gold_version, base.snapshot) if base else None

    def _catch_up(self) -> Snapshot:
        """Up to where the live version stands when this begins; from then on the transform service keeps it up to
        date."""
        catching_up, live = CatchUp(self._builder), self._live()
        last = self._builder.versions.latest_snapshot(self._version.version)
        if last is None or live is None or last.bronze != live.bronze:
            self._progress.say(Phase.CATCH_UP)
        newest = catching_up.run(self._version, live, self._say)
        self._progress.say(Phase.DONE)
        return newest

    def _live(self) -> Snapshot | None:
        current = self._log.current()
        return self._builder.versions.latest_snapshot(current.release.gold_version) if current else None
