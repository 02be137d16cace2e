"""Brings a gold version forward by one audited snapshot, for the live cycle, a rebuild or a promote.

In: a version, its newest snapshot and the bronze commits (or the slice of them) to consume. Out: the next snapshot,
published. Killed anywhere, the next builder starts from the last audited snapshot again and replaces what was left.
The caller holds the version's lock (``locks``).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Thread

import msgspec

from lakehouse.clients import delta_log
from lakehouse.clients.delta_log import Commit
from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.instants import EPOCH
from lakehouse.releases.model import BronzeCursor, GoldVersion, Snapshot, TableState, new_nonce, number_after
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform import catalog, definition
from lakehouse.transform.building import watermark
from lakehouse.transform.building.build import Build, BuildFailedError, parse, run
from lakehouse.transform.building.culprits import Culprits, DefinitionAtFaultError
from lakehouse.transform.building.input_rows import InputRows
from lakehouse.transform.building.set_aside import Aside, AsideDocuments, Failed
from lakehouse.transform.building.table_states import Tables

MOST_PARTS = 1024
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Input:
    """The bronze commits of one cycle, and what the version is known to have failed on."""

    generation: GenerationNumber
    after: int
    through: int
    commits: list[BronzeCommit]
    rows: int
    newest_at: datetime
    aside: Aside

    @property
    def is_smallest(self) -> bool:
        """Whether no smaller part of it could be built: commits are taken whole."""
        return sum(1 for commit in self.commits if commit.rows) <= 1


@dataclass(frozen=True)
class Built:
    """The tables after a build, and the queries that wrote them."""

    tables: dict[str, TableState]
    query_ids: list[str]


class Builder:
    """Builds with the rights and the priority of one Trino user."""

    def __init__(self, settings: Settings, files: Files, *, user: str = tables.TRANSFORM_USER) -> None:
        self.settings = settings
        self.files = files
        self.user = user
        self.trino = Trino.of(settings, user=user)
        self.layout = Layout(settings.warehouse)
        self.versions = Versions(files, self.layout)
        self.aside = AsideDocuments(files, self.layout)
        self._prepared: set[tuple[int, int]] = set()
        self._parts = 1

    def fitting(self, rows: int) -> int:
        """How many of ``rows`` one build should take: all, or what Trino's memory has been found to hold."""
        return max(1, rows // self._parts)

    @property
    def can_shrink(self) -> bool:
        """Whether a build that is too large will be tried with fewer rows."""
        return self._parts < MOST_PARTS

    def new_commits(self, version: GoldVersionNumber, cursor: BronzeCursor, through: int | None = None) -> Input | None:
        """The commits after the cursor, at most ``max_rows_per_cycle`` rows of them (or one commit), and none after
        ``through``; None if there is none. Where the version has failed on them, one commit at a time."""
        found: list[Commit] = []
        said: list[BronzeCommit] = []
        rows, most = 0, self.fitting(self.settings.transform.max_rows_per_cycle)
        aside: Aside | None = None
        for commit in delta_log.commits_since(self.files, self.layout.bronze(cursor.generation), cursor.delta_version):
            if through is not None and commit.version > through:
                break
            if aside is None:  # only now: most looks find nothing new
                aside = self.aside.of(version)
                most = 1 if aside.suspects(cursor) else most
            statement = delta_log.bronze_commit(commit)
            found.append(commit)
            if statement is not None:
                said.append(statement)
                rows += statement.rows
            if rows >= most:
                break
        if aside is None or not said:
            return None
        newest = found[-1]
        return Input(cursor.generation, cursor.delta_version, newest.version, said, rows, newest.timestamp, aside)

    def consume(
        self, version: GoldVersion, last: Snapshot | None, found: Input, progress: Progress, *, always: bool = False
    ) -> Snapshot | None:
        """The next snapshot: built where rows have come, else only if ``complete_through`` has moved a step, or
        ``always``."""
        marks = watermark.fold_marks(last.marks if last else (), found.commits)
        reached = watermark.complete_through(
            marks,
            found.newest_at,
            self.settings.transform.grace,
            self.settings.transform.edge_silent_after,
            last.complete_through if last else None,
        )
        built, set_aside = Built(dict(last.tables) if last else {}, []), last.set_aside if last else 0
        if found.rows:
            number = number_after(last)
            progress(f"building snapshot {number} of gold version {version.version} from {found.rows} bronze rows")
            plan = self.plain_build(version, number, found.generation, found.after, found.through)
            built, has_rules = self._build_or_set_aside(version, last, plan, found, progress)
            set_aside = self._count_set_aside(built) if has_rules else set_aside
        elif last is None or (reached == last.complete_through and not always):
            return None
        return self.publish(
            Snapshot(
                gold_version=version.version,
                number=number_after(last),
                bronze=BronzeCursor(found.generation, found.through),
                tables=built.tables,
                marks=marks,
                offsets=watermark.fold_offsets(last.offsets if last else {}, found.commits),
                complete_through=reached,
                changed=bool(found.rows) and (last is None or built.tables != last.tables),
                query_ids=built.query_ids,
                nonce=new_nonce(),
                set_aside=set_aside,
            )
        )

    def _count_set_aside(self, built: Built) -> int:
        """How many events lie aside after a build."""
        duplicates = built.tables[f"{tables.SILVER_SCHEMA}.{tables.SILVER_DUPLICATES}"]
        found = self.trino.query(
            f"SELECT count(*) AS n FROM {duplicates.pinned(tables.SILVER_DUPLICATES)} "
            f"WHERE verdict = '{tables.SET_ASIDE}'"
        )
        return int(found[0]["n"])

    def plain_build(
        self, version: GoldVersion, number: SnapshotNumber, generation: GenerationNumber, after: int, through: int
    ) -> Build:
        return Build(
            gold_version=version.version,
            snapshot=number,
            generation=generation,
            from_version=after,
            to_version=through,
            order_repeat_days=self.settings.transform.order_repeat_days,
            user=self.user,
        )

    def _build_or_set_aside(
        self, version: GoldVersion, last: Snapshot | None, plan: Build, found: Input, progress: Progress
    ) -> tuple[Built, bool]:
        """The build, and whether there are rules that set something aside. Where it fails by its data, the next one
        takes less, and what has failed twice goes on without the events that it fails on."""
        aside = found.aside
        try:
            return self.build(version, last, replace(plan, set_aside=aside.rules)), bool(aside.rules)
        except BuildFailedError as error:
            this = Failed(found.generation, found.after, found.through)
            if not error.is_of_data or aside.hopeless == this:
                raise
            if aside.failed != this or not found.is_smallest:
                self.aside.keep(version.version, msgspec.structs.replace(aside, failed=this))
                raise
            search = Culprits(
                InputRows(self.trino, plan),
                plan,
                attempt=lambda tried: self.build(version, last, tried),
                keep=lambda known: self.aside.keep(version.version, known),
                progress=progress,
            )
            try:
                return search.set_aside(aside, error), True
            except DefinitionAtFaultError:
                self.aside.keep(version.version, msgspec.structs.replace(aside, hopeless=this))
                raise

    def build(self, version: GoldVersion, last: Snapshot | None, plan: Build) -> Built:
        """Runs the version's own frozen definition, and makes sure that nobody else wrote to its tables meanwhile."""
        self.prepare(version, plan.generation)
        before = self.tables.without_leftovers(version, last, number_after(last))
        queries = self._run(self._project(version), plan)
        states = self.tables.found(version, last)
        self.tables.refuse_foreign_commits(states, before, set(queries))
        return Built(states, queries)

    def parse_ahead(self, version: GoldVersion, plan: Build) -> None:
        """Begins to parse the definition, which takes dbt seconds, while the caller prepares its build. Should it fail,
        it fails in the build again."""
        project = self._project(version)

        def ahead() -> None:
            with suppress(BuildFailedError):
                parse(self.settings, project, plan)

        Thread(target=ahead, name="parse", daemon=True).start()

    def _project(self, version: GoldVersion) -> Path:
        return definition.thaw(self.files, self.layout, version.definition, self.definitions)

    def _run(self, project: Path, plan: Build) -> list[str]:
        try:
            return run(self.settings, project, plan)
        except BuildFailedError as error:
            if error.is_too_large and self.can_shrink:
                self._parts *= 2
            raise

    def publish(self, snapshot: Snapshot) -> Snapshot:
        self.versions.add_snapshot(snapshot)
        return snapshot

    def prove(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what all of its bronze commits say of marks and offsets."""
        bronze, said, newest_at = self.layout.bronze(snapshot.bronze.generation), [], EPOCH
        for commit in delta_log.commits(self.files, bronze, -1, snapshot.bronze.delta_version):
            statement = delta_log.bronze_commit(commit)
            said += [statement] if statement else []
            newest_at = commit.timestamp
        marks, settings = watermark.fold_marks((), said), self.settings.transform
        return msgspec.structs.replace(
            snapshot,
            marks=marks,
            offsets=watermark.fold_offsets({}, said),
            complete_through=watermark.complete_through(
                marks, newest_at, settings.grace, settings.edge_silent_after, None
            ),
        )

    def prepare(self, version: GoldVersion, generation: GenerationNumber) -> None:
        """Schemas of the version, and the bronze tables that it reads."""
        if (version.version, generation) not in self._prepared:
            catalog.prepare(self.trino, self.settings, self.layout, version.version, generation)
            self._prepared.add((version.version, generation))

    @property
    def tables(self) -> Tables:
        return Tables(self.settings, self.files, self.trino)

    @property
    def definitions(self) -> Path:
        folder = self.settings.home_path / "definitions"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
