"""The documents of the release protocol, as they lie on HDFS in JSON. Instants are microseconds since 1970 (UTC).

Documents are written once and never changed. ``nonce`` differs between writers, so that a writer that lost the answer
to a rename can tell its own document from another's.
"""

import uuid
from enum import StrEnum

import msgspec

from lakehouse.contracts import tables
from lakehouse.contracts.commit_info import EdgeWatermarks, PartitionRange
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber, SnapshotNumber


def new_nonce() -> str:
    return uuid.uuid4().hex


class ReleaseKind(StrEnum):
    """How a release came to be published. The first one of a warehouse is a cycle's."""

    CYCLE = "cycle"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class Definition(msgspec.Struct, frozen=True):
    """The frozen models of one dbt project state. ``git_commit`` is None outside a git checkout, and ends in
    ``-dirty`` where the checkout had changes."""

    fingerprint: str
    git_commit: str | None = None


class BronzeCursor(msgspec.Struct, frozen=True):
    """The bronze commits that have been consumed: all appends of ``generation`` up to ``delta_version``.

    -1 means none.
    """

    generation: GenerationNumber
    delta_version: int

    @property
    def pinned(self) -> str:
        """The events of these commits, as SQL reads them."""
        return _as_of(tables.BRONZE_SCHEMA, tables.bronze_table(self.generation), self.delta_version)


class TableState(msgspec.Struct, frozen=True):
    """One table of a snapshot: the schema that it physically lies in, its folder on HDFS and its Delta version.

    The folder's name is Trino's choice and unique, so that two builders of one name never share files.
    """

    schema: str
    location: str
    delta_version: int

    def pinned(self, name: str) -> str:
        """The table in this state, as SQL reads it; ``name`` with its layer or without."""
        return _as_of(self.schema, name.rpartition(".")[2], self.delta_version)


def _as_of(schema: str, table: str, delta_version: int) -> str:
    return f"{tables.CATALOG}.{schema}.{table} FOR VERSION AS OF {delta_version}"


class Base(msgspec.Struct, frozen=True):
    """What a candidate is built beside: the release that was current when it was planned."""

    release: ReleaseNumber
    gold_version: GoldVersionNumber
    snapshot: SnapshotNumber


class Plan(msgspec.Struct, frozen=True):
    """How a candidate is built. The process that holds the version's lock carries it out; which one makes no
    difference.

    ``bronze`` names the commits that the slices read; its ``delta_version`` is -1 where the generation is made from raw
    files first. With ``since`` or ``until`` (starts of UTC days), only events whose time lies within are built by the
    new definition; the rest is copied from ``base``. ``shared`` names the tables (``layer.table``) that belong to the
    base's version, because their model and all above it are the same. ``operation`` is the id of the operation of the
    ops API that requested it, if it was not a command.
    """

    source: str
    bronze: BronzeCursor
    base: Base | None
    actor: str
    reason: str | None = None
    since: int | None = None
    until: int | None = None
    shared: tuple[str, ...] = ()
    operation: str | None = None


class GoldVersion(msgspec.Struct, frozen=True):
    """The physical silver and gold tables that one definition builds. The first version of a warehouse has no plan."""

    version: GoldVersionNumber
    definition: Definition
    created_at: int
    nonce: str
    plan: Plan | None = None


class Drop(msgspec.Struct, frozen=True):
    """An operator has dropped the gold version: its files may go."""

    gold_version: GoldVersionNumber
    actor: str
    reason: str | None
    dropped_at: int
    nonce: str
    operation: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """One audited state of a gold version.

    ``tables`` maps ``layer.table`` (``gold.merchant_sales``) to its state. ``marks`` and ``offsets`` are what the
    consumed bronze commits said last of each edge's incarnation and of each Kafka partition. ``complete_through`` is
    None until every edge has sent a mark. ``changed`` says whether any row differs from the snapshot before.
    ``built_before`` is set while a candidate is built in slices: only events whose time lies before it are in.
    ``set_aside`` counts the events that the models could not take (``building/set_aside.py``).
    """

    gold_version: GoldVersionNumber
    number: SnapshotNumber
    bronze: BronzeCursor
    tables: dict[str, TableState]
    marks: list[EdgeWatermarks]
    offsets: dict[str, dict[int, PartitionRange]]
    complete_through: int | None
    changed: bool
    query_ids: list[str]
    nonce: str
    built_before: int | None = None
    set_aside: int = 0


class AcceptedUnproved(msgspec.Struct, frozen=True):
    """Hours of an edge's incarnation that the ledger could not judge, for ``reason``, and with which an operator has
    promoted nevertheless. ``first`` and ``last`` are when the first and the last of these ``hours`` begin."""

    edge: str
    incarnation: str
    reason: str
    first: int
    last: int
    hours: int


class Release(msgspec.Struct, frozen=True):
    """What readers see: one snapshot, published as ``releases/N/manifest.json``.

    ``released_at`` is not in the document: it is the NameNode's stamp of the rename that published it (the
    modification time of the folder ``releases/N``), strictly increasing with N. ``catalogue`` and ``tzdata`` name what
    an answer needs besides data. ``kind`` is one of :class:`ReleaseKind`, ``reason`` the operator's text. While
    the current release is ``held`` (``rollback --exact``), cycles publish nothing. ``operation`` is the id of the
    operation of the ops API that it carries out, if there is one. ``set_aside`` is the snapshot's. ``unproved`` is what
    the operator has accepted of edges that could not be judged.
    """

    release: ReleaseNumber
    parent: ReleaseNumber | None
    kind: str
    actor: str
    snapshot: SnapshotNumber
    gold_version: GoldVersionNumber
    definition: Definition
    bronze: BronzeCursor
    tables: dict[str, TableState]
    complete_through: int | None
    catalogue: int
    tzdata: str
    nonce: str
    reason: str | None = None
    held: bool = False
    operation: str | None = None
    set_aside: int = 0
    unproved: list[AcceptedUnproved] = []


def number_after(last: Snapshot | None) -> SnapshotNumber:
    """The number of a version's next snapshot."""
    return SnapshotNumber(last.number + 1 if last else 1)
