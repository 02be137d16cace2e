"""The live cycle: new bronze commits become silver and gold, are audited, and are then shown.

In: bronze after the last audited snapshot's cursor, up to a pinned version. Out: a new snapshot of the live gold
version, and a release of it. Keeps promise 2 (written, audited, then released) and the definition frozen. Killed
anywhere, the next run starts from the last audited snapshot again and replaces what was left behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lakehouse import delta_log
from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.layout import Layout
from lakehouse.delta_log import Commit
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.releases import build, catalog, definition, watermark
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import BronzeCursor, GoldVersion, Snapshot, TableState, new_nonce
from lakehouse.releases.publish import publish_snapshot
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings

FIRST_GENERATION = 1


class ForeignCommitError(LakehouseError):
    """Someone else wrote to a table of this build while it ran: it must be built again."""


@dataclass(frozen=True)
class Input:
    """The bronze commits of one cycle."""

    generation: int
    after: int
    through: int
    commits: list[BronzeCommit]
    rows: int
    newest_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What a cycle did: the snapshot it made, and the release if readers saw a change."""

    rows: int
    snapshot: Snapshot | None = None
    release: Published | None = None


class Cycle:
    """Runs cycles of the live gold version. One at a time: the caller holds the transform's lock."""

    def __init__(self, settings: Settings, files: Files, trino: Trino) -> None:
        self._settings = settings
        self._files = files
        self._trino = trino
        self._layout = Layout(settings.warehouse)
        self._log = ReleaseLog(files, self._layout)
        self._versions = Versions(files, self._layout)
        self._prepared: tuple[int, int] | None = None

    def run(self, progress: Callable[[str], None] = lambda _: None) -> Outcome:
        """One cycle. Raises :class:`LakehouseError` and leaves readers where they were."""
        current = self._log.current()
        version = self._live_version(current)
        last = self._versions.latest_snapshot(version.version)
        cursor = last.bronze if last else BronzeCursor(FIRST_GENERATION, -1)
        found = self._new_commits(cursor)
        made = self._advance(version, last, found, progress) if found else None
        if made is not None:
            self._versions.add_snapshot(made)
        # A former cycle may have died after its snapshot and before its release: the newest one counts, not only ours.
        newest, release = made or last, None
        if newest is not None and _shows_something_new(current, newest):
            release = publish_snapshot(self._log, version, newest)
        if release is not None:
            catalog.show(self._trino, release.release)
        return Outcome(found.rows if found and made else 0, newest if release else made, release)

    def repair_views(self) -> None:
        """Points the readers' views at the current release, should its publisher have died before it could."""
        current = self._log.current()
        if current is not None:
            catalog.show(self._trino, current.release)

    def _live_version(self, current: Published | None) -> GoldVersion:
        version = self._versions.live(current.release.gold_version if current else None)
        if version is None:
            frozen = definition.freeze(self._files, self._layout, definition.PROJECT)
            version = self._versions.create(frozen)
        return version

    def _new_commits(self, cursor: BronzeCursor) -> Input | None:
        """The next commits, at most ``max_rows_per_cycle`` rows of them; None if there is none."""
        table = self._layout.bronze(cursor.generation)
        found: list[Commit] = []
        said: list[BronzeCommit] = []
        for commit in delta_log.commits_since(self._files, table, cursor.delta_version):
            statement = delta_log.bronze_commit(commit)
            found.append(commit)
            said += [statement] if statement else []
            if sum(s.rows for s in said) >= self._settings.transform.max_rows_per_cycle:
                break
        if not said:
            return None
        return Input(
            generation=cursor.generation,
            after=cursor.delta_version,
            through=found[-1].version,
            commits=said,
            rows=sum(statement.rows for statement in said),
            newest_at=found[-1].timestamp,
        )

    def _advance(
        self, version: GoldVersion, last: Snapshot | None, found: Input, progress: Callable[[str], None]
    ) -> Snapshot | None:
        """The next snapshot: built where rows have come, else only if ``complete_through`` has moved a step."""
        marks = watermark.fold_marks(last.marks if last else (), found.commits)
        reached = watermark.complete_through(
            marks,
            found.newest_at,
            self._settings.transform.grace,
            self._settings.transform.edge_silent_after,
            last.complete_through if last else None,
        )
        states, queries, changed = dict(last.tables) if last else {}, list[str](), False
        if found.rows:
            states, queries = self._build(version, last, found, progress)
            changed = last is None or states != last.tables
        elif last is None or reached == last.complete_through:
            return None
        return Snapshot(
            gold_version=version.version,
            number=last.number + 1 if last else 1,
            bronze=BronzeCursor(found.generation, found.through),
            tables=states,
            marks=marks,
            offsets=watermark.fold_offsets(last.offsets if last else {}, found.commits),
            complete_through=reached,
            changed=changed,
            query_ids=queries,
            nonce=new_nonce(),
        )

    def _build(
        self, version: GoldVersion, last: Snapshot | None, found: Input, progress: Callable[[str], None]
    ) -> tuple[dict[str, TableState], list[str]]:
        number = last.number + 1 if last else 1
        progress(f"building snapshot {number} of gold version {version.version} from {found.rows} bronze rows")
        if self._prepared != (version.version, found.generation):
            catalog.prepare(self._trino, self._settings, self._layout, version.version, found.generation)
            self._prepared = (version.version, found.generation)
        self._replace_leftovers(version, last, number)
        before = {name: state.delta_version for name, state in self._states(version).items()}
        project = definition.thaw(self._files, self._layout, version.definition, self._definitions)
        plan = build.Build(
            gold_version=version.version,
            snapshot=number,
            generation=found.generation,
            from_version=found.after,
            to_version=found.through,
            order_repeat_days=self._settings.transform.order_repeat_days,
        )
        queries = build.run(self._settings, project, plan)
        states = self._states(version)
        self._refuse_foreign_commits(states, before, set(queries))
        return states, queries

    @property
    def _definitions(self) -> Path:
        folder = self._settings.home_path / "definitions"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _replace_leftovers(self, version: GoldVersion, last: Snapshot | None, number: int) -> None:
        """Gold rows that an unfinished build of this number has left. (Silver is merged by key.)"""
        for name, state in self._states(version).items():
            audited = last.tables.get(name) if last else None
            if name.startswith(tables.GOLD_SCHEMA) and state != audited:
                table = f"{tables.CATALOG}.{state.schema}.{name.partition('.')[2]}"
                self._trino.query(f"DELETE FROM {table} WHERE snapshot >= {number}")

    def _states(self, version: GoldVersion) -> dict[str, TableState]:
        """The tables of a gold version as they are now, by ``layer.table``."""
        found: dict[str, TableState] = {}
        for name, location in catalog.locations(self._trino, version.version).items():
            head = delta_log.head_version(self._files, location)
            if head is None:
                raise NotFoundError(f"{name} has no Delta log at {location}: run `lakehouse fsck`")
            schema = tables.physical_schema(name.partition(".")[0], version.version)
            found[name] = TableState(schema, location, head)
        return found

    def _refuse_foreign_commits(self, states: dict[str, TableState], before: dict[str, int], ours: set[str]) -> None:
        """A frozen former owner may wake up and write; what it wrote must not be published as ours."""
        for name, state in states.items():
            for commit in delta_log.commits(self._files, state.location, before.get(name, -1), state.delta_version):
                if commit.data_change and commit.query_id not in ours:
                    raise ForeignCommitError(
                        f"version {commit.version} of {name} was written by query {commit.query_id}, which is not of "
                        "this cycle; it will be built again"
                    )


def _shows_something_new(current: Published | None, snapshot: Snapshot) -> bool:
    """Whether readers would see another state than the current release's."""
    if current is None:
        return True
    shown = current.release
    return (shown.tables, shown.complete_through) != (snapshot.tables, snapshot.complete_through)
