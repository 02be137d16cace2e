"""Puts a silver table back as it was audited, where a build that has come to nothing left something in it.

In: a table and the Delta version of its last audit. Out: a commit after which the table holds the same files again: no
row is read or written. Trino cannot do that, so this one commit is delta-rs's; the caller holds the version's lock.
"""

from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError

from lakehouse.errors import NotReadyError

# The log of a table that is needed stays whole: delta-rs would remove what is older than thirty days of it.
_ONLY_THIS_COMMIT = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def put_back(url: str, delta_version: int | None) -> int:
    """Returns the version of its commit. ``url`` names the file system, too; None: nothing was audited yet, and all
    rows go. Safe to repeat."""
    try:
        table = DeltaTable(url)
        if delta_version is None:
            table.delete(post_commithook_properties=_ONLY_THIS_COMMIT)
        else:
            table.restore(delta_version, post_commithook_properties=_ONLY_THIS_COMMIT)
        return int(table.version())
    except (DeltaError, OSError) as error:
        raise NotReadyError(f"{url} could not be put back as it was audited: {error}") from error
