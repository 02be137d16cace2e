"""Copies of what a promote or a rollback would show, loaded ahead of it: then its release appears at once, whatever its
size.

In: the release log as readers see it, and the gold versions beside the current one. Out: their gold tables in memory,
brought forward as they are fed, and for each version the number of the snapshot that is ready. All of it in one thread
of its own, with one file at a time, so that neither a request nor the current line's next release waits.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from api.copies import Copies, gold_tables, step_back
from api.prospects import Prospects, likeliest
from api.visible import ReleaseView, Visible, utc_now
from lakehouse.errors import LakehouseError
from lakehouse.releases.model import Snapshot

LOOK_EVERY = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class Warmer:
    """One for the process. ``kept_for``: so long after its time a former version may come back."""

    def __init__(self, visible: Visible, copies: Copies, prospects: Prospects, limit: int, kept_for: timedelta) -> None:
        self._visible = visible
        self._copies = copies
        self._prospects = prospects
        self._limit = limit
        self._kept_for = kept_for
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warmer", initializer=step_back)
        self._until: dict[int, datetime] = {}
        self._previous: int | None = None
        self._seen = 0
        self._ready: Mapping[int, int] = {}
        self._troubles: set[str] = set()
        self._known_troubles: set[str] = set()

    @property
    def prepared(self) -> dict[int, int]:
        """The gold versions in memory, the current one among them, and the newest snapshot that each answers for."""
        view = self._visible.current
        current = {} if view is None else {view.published.release.gold_version: view.snapshot}
        return dict(sorted({**self._ready, **current}.items()))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._thread, self.look)
            except LakehouseError as error:
                self._complain(error)
            except Exception:
                _log.exception("gold versions are not loaded ahead")
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    def look(self) -> None:
        """Brings all copies forward once. Blocks."""
        self._known_troubles, self._troubles = self._troubles, set()
        view = self._visible.current
        if view is None:
            return
        self._follow_log()
        current = view.published.release.gold_version
        built = self._prospects.built(current)
        chosen = likeliest(built, self._until, self._previous, utc_now() - self._kept_for, self._limit)
        self._ready = {version: number for version, number in self._ready.items() if version in chosen}
        self._pin(view, [built[version] for version in chosen])
        self._copies.tidy()
        for version in chosen:
            self._bring_forward(built[version])
        self._copies.tidy()

    def _bring_forward(self, snapshot: Snapshot) -> None:
        """What cannot be read now keeps no other version from being ready."""
        try:
            self._copies.load(gold_tables(snapshot.tables), readers=1)
            self._ready = {**self._ready, snapshot.gold_version: snapshot.number}
        except LakehouseError as error:
            self._complain(error)

    def _complain(self, error: LakehouseError) -> None:
        if str(error) not in self._known_troubles:  # once, not every two seconds
            _log.warning("a gold version is not loaded ahead: %s", error)
        self._troubles.add(str(error))

    def _follow_log(self) -> None:
        """Notes when each version ceased to be current, and which one was so before the one that is."""
        timeline = self._visible.timeline
        for place in range(max(1, self._seen), timeline.count):
            before, after = timeline.releases[place - 1], timeline.releases[place]
            if before.release.gold_version != after.release.gold_version:
                self._previous = before.release.gold_version
                self._until[self._previous] = after.released_at
        self._seen = timeline.count

    def _pin(self, view: ReleaseView, chosen: list[Snapshot]) -> None:
        wanted = [view.published.release.tables, *(snapshot.tables for snapshot in chosen)]
        self._copies.pin(state.location for tables in wanted for state in gold_tables(tables).values())
        self._copies.forget(self._prospects.tables_of_dropped())
