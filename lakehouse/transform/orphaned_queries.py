"""Queries of builders that are gone: ended, so that none of them can commit while ours run.

Safety does not rest on it (a commit of a stranger is noticed before a snapshot is published); it spares the work.
"""

from lakehouse.clients.trino import SqlError, Trino, literal
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER, reprocess_user

ENDED = frozenset({"NOT_SUPPORTED", "NOT_FOUND"})
"""What Trino says of a query that has come to its end, or has been forgotten, since it was listed."""


def end_transform_queries(trino: Trino) -> None:
    """Those of a former transform service."""
    _end(trino, TRANSFORM_USER)


def end_queries(trino: Trino, version: GoldVersionNumber) -> None:
    """Those of a former rebuild of this gold version."""
    _end(trino, reprocess_user(version))


def _end(trino: Trino, user: str) -> None:
    running = trino.query(
        f'SELECT query_id FROM system.runtime.queries WHERE "user" = {literal(user)} '
        "AND state NOT IN ('FINISHED', 'FAILED') AND query NOT LIKE '%runtime.queries%'"
    )
    for row in running:
        _kill(trino, str(row["query_id"]))


def _kill(trino: Trino, query_id: str) -> None:
    try:
        trino.query(f"CALL system.runtime.kill_query(query_id => '{query_id}', message => 'a new builder took over')")
    except SqlError as error:
        if error.name not in ENDED:
            raise
