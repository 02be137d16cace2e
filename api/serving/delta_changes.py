"""Which files of a table are new to a cached table. Pure.

In: the files that were live when the table was read, and the Delta commits since. Out: the files to read, or that the
cached table is out of date, because rows that it holds were removed.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from lakehouse.clients.delta_log import Commit


@dataclass(frozen=True)
class FileChanges:
    """``new`` files hold the rows that came; ``live`` are the files of the table now."""

    new: tuple[str, ...]
    live: frozenset[str]


def changes_since(live: Set[str], commits: Iterable[Commit]) -> FileChanges | None:
    """None where a file was removed whose rows are loaded.

    A file that came and went again (an unfinished build, replaced by the next) is not read. A file that a compaction
    made is live, but has no rows that its sources had not.
    """
    now, new = set(live), dict[str, None]()
    for commit in commits:
        for path in commit.removes:
            if commit.data_change and path not in new:
                return None
            if commit.data_change:
                del new[path]
            now.discard(path)
        added = [add.path for add in commit.adds]
        now.update(added)
        if commit.data_change:
            new.update(dict.fromkeys(added))
    return FileChanges(tuple(new), frozenset(now))
