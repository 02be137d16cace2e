"""Queries of builders that are gone: ended, so that none of them can commit while ours run.

Safety does not rest on it (a commit of a stranger is noticed before a snapshot is published); it spares the work.
"""

from lakehouse.clients.trino import Trino, literal
from lakehouse.contracts.tables import TRANSFORM_USER, reprocess_user


def end_transform_queries(trino: Trino) -> None:
    """Those of a former transform service."""
    _end(trino, TRANSFORM_USER)


def end_queries(trino: Trino, version: int) -> None:
    """Those of a former rebuild of this gold version."""
    _end(trino, reprocess_user(version))


def _end(trino: Trino, user: str) -> None:
    running = trino.query(
        f'SELECT query_id FROM system.runtime.queries WHERE "user" = {literal(user)} '
        "AND state NOT IN ('FINISHED', 'FAILED') AND query NOT LIKE '%runtime.queries%'"
    )
    for row in running:
        trino.query(
            f"CALL system.runtime.kill_query(query_id => '{row['query_id']}', message => 'a new builder took over')"
        )
