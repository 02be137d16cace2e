"""Delta tables through delta-rs: the one place that imports its client.

In: a table's URL, which names the file system, too. Out: the data files of a version, and the one commit that Trino has
no statement for: a restore. delta-rs's errors become :class:`NotReadyError`.
"""

import pyarrow as pa
from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError

from lakehouse.errors import NotReadyError

# The log of a table that is needed stays whole: delta-rs would remove what is older than thirty days of it.
_ONLY_THIS_COMMIT = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def live_files(url: str, delta_version: int) -> tuple[str, ...]:
    """All data files of a version, from its log and checkpoints: relative to the table, URL-encoded."""
    try:
        actions = pa.table(DeltaTable(url, version=delta_version).get_add_actions(flatten=True))
    except (DeltaError, OSError) as error:
        raise NotReadyError(f"version {delta_version} of {url} cannot be read: {error}") from error
    return tuple(actions["path"].to_pylist())


def restore(url: str, delta_version: int | None) -> int:
    """Makes the table hold the files of an earlier version again; returns the version of its commit.

    None takes all rows away. No row is read or written. Safe to repeat; the caller holds the version's lock.
    """
    try:
        table = DeltaTable(url)
        if delta_version is None:
            table.delete(post_commithook_properties=_ONLY_THIS_COMMIT)
        else:
            table.restore(delta_version, post_commithook_properties=_ONLY_THIS_COMMIT)
        return int(table.version())
    except (DeltaError, OSError) as error:
        raise NotReadyError(f"{url} could not be put back as it was audited: {error}") from error
