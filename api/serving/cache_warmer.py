"""Loads what a promote or a rollback would show ahead of it: then its release appears at once, whatever its size.

In: the release log as readers see it, and the gold versions beside the current one. Out: their gold tables in memory,
brought forward as they are fed, and for each version the number of the snapshot that is ready. All of it in one thread
of its own, with one file at a time, so that neither a request nor the current line's next release waits.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from api.serving.release_views import ReleaseView, ReleaseViews
from api.serving.standby_candidates import StandbyCandidates, likeliest
from api.serving.table_cache import TableCache, gold_tables, lower_priority
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.errors import LakehouseError
from lakehouse.instants import now
from lakehouse.releases.model import Snapshot

LOOK_EVERY = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class CacheWarmer:
    """One for the process. ``kept_for``: so long after its time a former version may come back."""

    def __init__(
        self,
        release_views: ReleaseViews,
        cache: TableCache,
        candidates: StandbyCandidates,
        limit: int,
        kept_for: timedelta,
    ) -> None:
        self._release_views = release_views
        self._cache = cache
        self._candidates = candidates
        self._limit = limit
        self._kept_for = kept_for
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache-warmer", initializer=lower_priority)
        self._until: dict[GoldVersionNumber, datetime] = {}
        self._previous: GoldVersionNumber | None = None
        self._seen = 0
        self._ready: Mapping[GoldVersionNumber, SnapshotNumber] = {}
        self._errors: set[str] = set()
        self._known_errors: set[str] = set()

    @property
    def prepared(self) -> dict[GoldVersionNumber, SnapshotNumber]:
        """The gold versions in memory, the current one among them, and the newest snapshot that each answers for."""
        view = self._release_views.current
        current = {} if view is None else {view.published.release.gold_version: view.snapshot}
        return dict(sorted({**self._ready, **current}.items()))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._thread, self.look)
            except LakehouseError as error:
                self._report(error)
            except Exception:
                _log.exception("gold versions are not loaded ahead")
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    def look(self) -> None:
        """Brings the tables of all likely versions forward once. Blocks."""
        self._known_errors, self._errors = self._errors, set()
        view = self._release_views.current
        if view is None:
            return
        self._follow_log()
        current = view.published.release.gold_version
        built = self._candidates.built(current)
        chosen = likeliest(built, self._until, self._previous, now() - self._kept_for, self._limit)
        self._ready = {version: number for version, number in self._ready.items() if version in chosen}
        self._pin(view, [built[version] for version in chosen])
        self._cache.tidy()
        for version in chosen:
            self._bring_forward(built[version])
        self._cache.tidy()

    def _bring_forward(self, snapshot: Snapshot) -> None:
        """A version that cannot be read now keeps no other one from being ready."""
        try:
            self._cache.load(gold_tables(snapshot.tables), threads=1)
            self._ready = {**self._ready, snapshot.gold_version: snapshot.number}
        except LakehouseError as error:
            self._report(error)

    def _report(self, error: LakehouseError) -> None:
        if str(error) not in self._known_errors:  # once, not every two seconds
            _log.warning("a gold version is not loaded ahead: %s", error)
        self._errors.add(str(error))

    def _follow_log(self) -> None:
        """Notes when each version ceased to be current, and which one was so before the one that is."""
        timeline = self._release_views.timeline
        for place in range(max(1, self._seen), timeline.count):
            before, after = timeline.releases[place - 1], timeline.releases[place]
            if before.release.gold_version != after.release.gold_version:
                self._previous = before.release.gold_version
                self._until[self._previous] = after.released_at
        self._seen = timeline.count

    def _pin(self, view: ReleaseView, chosen: list[Snapshot]) -> None:
        wanted = [view.published.release.tables, *(snapshot.tables for snapshot in chosen)]
        self._cache.pin(state.location for tables in wanted for state in gold_tables(tables).values())
        self._cache.forget(self._candidates.tables_of_dropped())
