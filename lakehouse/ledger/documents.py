"""Reads the edges' documents on HDFS, one by one: a torn one costs its own edge, no other.

In: paths, and whose they are. Out: the documents; what cannot be read is noted (:class:`Unread`), where there is a list
to note it in, and raised where there is none. HDFS that is away as a whole is raised in any case.
"""

from dataclasses import replace
from typing import TypeVar

import msgspec

from lakehouse.clients.files import Entry, Files
from lakehouse.errors import LakehouseError, NotFoundError, NotReadyError
from lakehouse.ledger.model import Unread

MOST_UNSERVED = 20
"""Paths that HDFS does not serve before it is taken to be away: each of them costs seconds."""
T = TypeVar("T")


class Documents:
    """Of one warehouse. ``unread`` is None for those who must have all."""

    def __init__(self, files: Files, unread: list[Unread] | None = None) -> None:
        self._files = files
        self._unread = unread
        self._unserved = 0

    def read(self, path: str, kind: type[T], whose: Unread) -> T | None:
        """None if it cannot be read. Raises NotFoundError: whoever has listed it knows where it may have gone."""
        try:
            return msgspec.json.decode(self._files.read(path), type=kind)
        except NotFoundError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError, LakehouseError) as error:
            self.note(whose, error)
            return None

    def list(self, folder: str, whose: Unread) -> list[Entry]:
        """Empty if it cannot be listed."""
        try:
            return self._files.list(folder)
        except LakehouseError as error:
            self.note(whose, error)
            return []

    def note(self, whose: Unread, error: Exception) -> None:
        if self._unread is None:
            raise error
        if isinstance(error, NotReadyError):
            self._unserved += 1
            if self._unserved > MOST_UNSERVED:
                raise error
        self._unread.append(replace(whose, message=str(error)))
