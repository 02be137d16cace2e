"""What each gold version costs in bytes.

In: the versions' documents and the folders on HDFS. Out: a :class:`Cost` for each version that has files: the lengths
of its tables' files, the log's included, and how much of it would go with the version (tables may be shared).
"""

from dataclasses import dataclass

from lakehouse.clients.files import Files
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import Published
from lakehouse.releases.version_status import Status, VersionState, version_states
from lakehouse.releases.versions import Versions
from lakehouse.table_files import size
from lakehouse.transform.maintenance.removal import table_folders


@dataclass(frozen=True)
class Cost:
    """Bytes. ``own`` is the part that no other version needs."""

    state: VersionState
    silver: int
    gold: int
    own: int

    @property
    def version(self) -> GoldVersionNumber:
        return self.state.number

    @property
    def total(self) -> int:
        return self.silver + self.gold


def costs(files: Files, layout: Layout, releases: list[Published], *, also_gone: bool = False) -> list[Cost]:
    """Oldest first; without the versions of which nothing is left, unless they are asked for."""
    found = version_states(Versions(files, layout), releases)
    folders = {state.number: _folders(files, layout, state) for state in found}
    sizes = {folder: size(files, folder) for folder in set().union(*folders.values())}
    priced = [_cost(state, folders, sizes) for state in found]
    return [cost for cost in priced if also_gone or cost.total or cost.state.status is not Status.DROPPED]


def _cost(state: VersionState, folders: dict[GoldVersionNumber, dict[str, str]], sizes: dict[str, int]) -> Cost:
    mine = folders[state.number]
    elsewhere = set().union(*(theirs for number, theirs in folders.items() if number != state.number))
    layers = {layer: sum(sizes[f] for f, its in mine.items() if its == layer) for layer in set(mine.values())}
    return Cost(
        state,
        layers.get(tables.SILVER_SCHEMA, 0),
        layers.get(tables.GOLD_SCHEMA, 0),
        sum(sizes[folder] for folder in mine if folder not in elsewhere),
    )


def _folders(files: Files, layout: Layout, state: VersionState) -> dict[str, str]:
    """The layer of each table folder that lies with the version or that its newest snapshot names."""
    named = {}
    if state.newest is not None and state.status is not Status.DROPPED:
        named = {table.location: name.partition(".")[0] for name, table in state.newest.tables.items()}
    lying = {folder: folder.split("/")[-2] for folder in table_folders(files, layout, state.number)}
    return {**lying, **named}
