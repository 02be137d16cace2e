"""Puts a silver table back as it was audited, where a build that has come to nothing left something in it.

In: a table and the Delta version of its last audit. Out: a commit after which the table holds the same files again: no
row is read or written. Trino cannot do that, so this one commit is delta-rs's; the caller holds the version's lock.
"""

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lakehouse.errors import NotReadyError


def put_back(url: str, delta_version: int | None) -> None:
    """``url`` names the file system, too. None: nothing was audited yet, and all rows go. Safe to repeat."""
    try:
        table = DeltaTable(url)
        if delta_version is None:
            table.delete()
        else:
            table.restore(delta_version)
    except (DeltaError, OSError) as error:
        raise NotReadyError(f"{url} could not be put back as it was audited: {error}") from error
