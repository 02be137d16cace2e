"""The difference of a gold version and a release: computed once, as long as neither has moved.

In: their numbers. Out: JSON or a page, as the command ``lakehouse diff`` writes them. One at a time, because a
comparison reads whole tables and the live line has the first right to Trino.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.releases.model import Snapshot
from lakehouse.transform.diff import page
from lakehouse.transform.diff.document import json_text
from lakehouse.transform.diff.model import Difference, Limits
from lakehouse.transform.diff.request import sides_of
from lakehouse.transform.diff.run import difference

TOP = 20
MOST = 1000
"""Merchants and hours in an answer: by itself, and at most."""
TIMEOUT = 60.0
"""Seconds to wait for another comparison."""
_KEPT = 8

Compare = Callable[[Snapshot, Snapshot, ReleaseNumber, Limits], Difference]
Key = tuple[ReleaseNumber, GoldVersionNumber, SnapshotNumber, GoldVersionNumber, SnapshotNumber, int]


def through(trino: Trino) -> Compare:
    """Computed by Trino."""

    def compare(left: Snapshot, right: Snapshot, release: ReleaseNumber, limits: Limits) -> Difference:
        return difference(trino, left, right, limits, release=release)

    return compare


class Differences:
    """Of one warehouse. Safe for several threads."""

    def __init__(self, files: Files, layout: Layout, compare: Compare) -> None:
        self._files = files
        self._layout = layout
        self._compare = compare
        self._turn = threading.Lock()
        self._known: OrderedDict[Key, Difference] = OrderedDict()

    def find(self, version: GoldVersionNumber, against: ReleaseNumber | None, top: int) -> Difference:
        """Raises 409 where the two cannot be compared (yet), 503 where others keep on comparing."""
        try:
            release, left, right = sides_of(self._files, self._layout, version, against)
        except RefusedError as error:
            raise ProblemError(Kind.CONFLICT, str(error)) from error
        key = (release.number, left.gold_version, left.number, right.gold_version, right.number, top)
        if not self._turn.acquire(timeout=TIMEOUT):
            raise ProblemError(Kind.UNAVAILABLE, "another comparison is at work", headers={"Retry-After": "30"})
        try:
            if key not in self._known:
                self._known[key] = self._compare(left, right, release.number, Limits(top=top))
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[key]
        finally:
            self._turn.release()


def as_json(found: Difference) -> str:
    return json_text(found)


def as_page(found: Difference) -> str:
    return page.render(found)
