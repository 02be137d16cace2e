"""The tables of a gold version as they are: what was audited, and what an unfinished build has left.

In: a version and its newest snapshot. Out: the states of its tables, without what the snapshot does not name; or what
an operator must do about an audited table that is lost. The caller holds the version's lock.
"""

from collections.abc import Iterable

from lakehouse.clients import delta_log
from lakehouse.clients.delta_table import restore
from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.errors import LakehouseError
from lakehouse.releases.model import GoldVersion, Snapshot, TableState
from lakehouse.settings import Settings
from lakehouse.transform import catalog


class ForeignCommitError(LakehouseError):
    """Someone else wrote to a table of this build while it ran: it must be built again."""


class Tables:
    """Of any gold version. Writes with the rights of ``trino``."""

    def __init__(self, settings: Settings, files: Files, trino: Trino) -> None:
        self._settings = settings
        self._files = files
        self._trino = trino

    def without_leftovers(
        self, version: GoldVersion, last: Snapshot | None, number: SnapshotNumber
    ) -> dict[str, TableState]:
        """The states once what an unfinished build of this number has left is put back."""
        found = self._states_found(version, last)
        for name, state in found.items():
            audited = last.tables.get(name) if last else None
            if state == audited:
                continue
            if name.startswith(tables.GOLD_SCHEMA):
                self._trino.query(f"DELETE FROM {_table(state.schema, name)} WHERE snapshot >= {number}")
                found[name] = self._state(version, name, state.location, audited is not None)
            else:
                url = f"{self._settings.hdfs_url}{state.location}"
                head = restore(url, audited.delta_version if audited else None)
                found[name] = TableState(state.schema, state.location, head)
        return found

    def _states_found(self, version: GoldVersion, last: Snapshot | None) -> dict[str, TableState]:
        """Those that an unfinished build has left, without mere names of tables. An audited table is never dropped."""
        while True:
            try:
                found = self.found(version, last)
            except catalog.NoTableError as error:
                self._trino.query(f"DROP TABLE {error.table}")
            else:
                _refuse_missing(version, last, found)
                return found

    def found(self, version: GoldVersion, last: Snapshot | None = None) -> dict[str, TableState]:
        """The tables of a gold version as they are now, by ``layer.table``. Where those of its ``last`` snapshot lie
        need not be asked again: an audited table never moves. Raises :class:`NoTableError` for what was never audited
        and has no Delta log."""
        known = {name: state.location for name, state in last.tables.items()} if last else {}
        found = catalog.locations(self._trino, version.version, known)
        return {name: self._state(version, name, location, name in known) for name, location in found.items()}

    def _state(self, version: GoldVersion, name: str, location: str, is_audited: bool) -> TableState:
        schema = tables.physical_schema(name.partition(".")[0], version.version)
        head = delta_log.head_version(self._files, location)
        if head is None and is_audited:
            raise _lost(_table(schema, name), location)
        if head is None:
            raise catalog.NoTableError(_table(schema, name))
        return TableState(schema, location, head)

    def refuse_foreign_commits(
        self, states: dict[str, TableState], before: dict[str, TableState], ours: set[str]
    ) -> None:
        """A frozen former builder may wake up and write; what it wrote must not be published as ours."""
        for name, state in states.items():
            former = before[name].delta_version if name in before else -1
            for commit in delta_log.commits(self._files, state.location, former, state.delta_version):
                if commit.data_change and commit.query_id not in ours:
                    raise ForeignCommitError(
                        f"version {commit.version} of {name} was written by query {commit.query_id}, which is not of "
                        "this build; it will be built again"
                    )


def _refuse_missing(version: GoldVersion, last: Snapshot | None, found: Iterable[str]) -> None:
    """An audited table of which Trino has not even the name: dbt would make it anew, with this build's rows only."""
    for name, state in (last.tables if last else {}).items():
        schema, table = tables.physical_schema(name.partition(".")[0], version.version), name.partition(".")[2]
        if state.schema == schema and name not in found:
            raise LakehouseError(
                f"an audited table is not in Trino's catalogue any more: {_table(schema, name)}, whose folder is "
                f"{state.location}. If that is whole, `CALL {tables.CATALOG}.system.register_table(schema_name => "
                f"'{schema}', table_name => '{table}', table_location => ...)` names it again; if it is not, build "
                "all of history into a new gold version with `lakehouse reprocess`"
            )


def _lost(table: str, location: str) -> LakehouseError:
    """No build makes it anew: it would hold only what that build reads."""
    return LakehouseError(
        f"an audited table has lost its Delta log: {table}, whose folder is {location}. Restore that folder, or build "
        "all of history into a new gold version: `lakehouse reprocess`, without --since, --until and "
        "--reuse-unchanged, which would take over from what is lost"
    )


def _table(schema: str, name: str) -> str:
    return f"{tables.CATALOG}.{schema}.{name.partition('.')[2]}"
