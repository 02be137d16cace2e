"""The documents of the release protocol, as they lie on HDFS in JSON. Instants are microseconds since 1970 (UTC).

Documents are written once and never changed. ``nonce`` differs between writers, so that a writer that lost the answer
to a rename can tell its own document from another's.
"""

import uuid

import msgspec

from lakehouse.contracts.commit_info import EdgeMark, PartitionRange


def new_nonce() -> str:
    return uuid.uuid4().hex


class Definition(msgspec.Struct, frozen=True):
    """The frozen models of one dbt project state. ``git_commit`` is None outside a git checkout, and ends in
    ``-dirty`` where the checkout had changes."""

    fingerprint: str
    git_commit: str | None = None


class BronzeCursor(msgspec.Struct, frozen=True):
    """The bronze commits that have been consumed: all appends of ``generation`` up to ``delta_version``.

    -1 means none.
    """

    generation: int
    delta_version: int


class TableState(msgspec.Struct, frozen=True):
    """One table of a snapshot: the schema that it physically lies in, its folder on HDFS and its Delta version.

    The folder's name is Trino's choice and unique, so that two builders of one name never share files.
    """

    schema: str
    location: str
    delta_version: int


class GoldVersion(msgspec.Struct, frozen=True):
    """The physical silver and gold tables that one definition builds."""

    version: int
    definition: Definition
    created_at: int
    nonce: str


class Snapshot(msgspec.Struct, frozen=True):
    """One audited state of a gold version.

    ``tables`` maps ``layer.table`` (``gold.merchant_sales``) to its state. ``marks`` and ``offsets`` are what the
    consumed bronze commits said last of each edge's incarnation and of each Kafka partition. ``complete_through`` is
    None until every edge has sent a mark. ``changed`` says whether any row differs from the snapshot before.
    """

    gold_version: int
    number: int
    bronze: BronzeCursor
    tables: dict[str, TableState]
    marks: list[EdgeMark]
    offsets: dict[str, dict[int, PartitionRange]]
    complete_through: int | None
    changed: bool
    query_ids: list[str]
    nonce: str


class Release(msgspec.Struct, frozen=True):
    """What readers see: one snapshot, published as ``releases/N/manifest.json``.

    ``released_at`` is not in the document: it is the NameNode's stamp of the rename that published it (the
    modification time of the folder ``releases/N``), strictly increasing with N. ``known`` names everything besides data
    that an answer needs.
    """

    release: int
    parent: int | None
    reason: str
    actor: str
    snapshot: int
    gold_version: int
    definition: Definition
    bronze: BronzeCursor
    tables: dict[str, TableState]
    complete_through: int | None
    catalogue: int
    tzdata: str
    nonce: str
