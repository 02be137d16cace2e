"""Views of releases: what readers may see is the releases of the log whose rows are in the table cache.

In: the release log, polled. Out: a :class:`ReleaseView`, the current one or the one of a number or an instant, or 404,
410, 503. Keeps promise 2 on this side (a release appears with all its tables at once, never before they are loaded) and
promise 4: a question about an instant is answered only once the log has been read after that instant, because until
then a release could still be found that came before it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from api.schemas import Receipt
from api.serving.receipts import receipt
from api.serving.standby_candidates import StandbyCandidates
from api.serving.table_cache import CachedTable, TableCache, gold_tables, lower_priority
from api.serving.timeline import Pointer, Timeline, no_release_yet
from lakehouse.contracts.ids import ReleaseNumber, SnapshotNumber
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.instants import now
from lakehouse.releases.log import Published, ReleaseLog

WAIT_LIMIT = timedelta(seconds=10)
"""A request waits no longer for the log or for an older gold version: then the answer is 503 with Retry-After."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReleaseView:
    """A release with its gold tables in memory."""

    published: Published
    tables: Mapping[str, CachedTable]

    @property
    def snapshot(self) -> SnapshotNumber:
        return self.published.release.snapshot

    @cached_property
    def receipt(self) -> Receipt:
        return receipt(self.published)


class ReleaseViews:
    """Use from one event loop. ``poll`` is called again and again by :meth:`run`."""

    def __init__(
        self,
        log: ReleaseLog,
        cache: TableCache,
        candidates: StandbyCandidates,
        retention: timedelta,
        interval: timedelta,
    ) -> None:
        self._log = log
        self._cache = cache
        self._candidates = candidates
        self._retention = retention
        self._interval = interval
        self._poller = ThreadPoolExecutor(1, thread_name_prefix="poller")
        self._loaders = ThreadPoolExecutor(2, thread_name_prefix="loader", initializer=lower_priority)
        """Threads of their own, so that the newest release never waits for an old one."""
        self.timeline = Timeline()
        self._current: ReleaseView | None = None
        self._loading: dict[ReleaseNumber, asyncio.Task[ReleaseView]] = {}
        self._wake = asyncio.Event()
        self._polled = asyncio.Condition()
        self.read_through: datetime | None = None
        """All releases up to this instant are visible; None until the log has been read once."""

    async def run(self) -> None:
        last_error: str | None = None
        while True:
            try:
                await self.poll()
                last_error = None
            except LakehouseError as error:
                if str(error) != last_error:  # once, not every second
                    _log.warning("release log not read: %s", error)
                last_error = str(error)
            except Exception:
                _log.exception("release log not read")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), self._interval.total_seconds())
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """Reads the log, loads what the newest release needs, then shows it."""
        started = now()
        loop = asyncio.get_running_loop()
        releases = await loop.run_in_executor(self._poller, self._log.refresh)
        if (count := len(releases)) > self.timeline.count:
            view = await loop.run_in_executor(self._poller, self._show, releases[count - 1])
            self.timeline, self._current = Timeline(releases, count), view
            _log.info("release %d is visible", view.published.number)
        self.read_through = started
        async with self._polled:
            self._polled.notify_all()

    @property
    def current(self) -> ReleaseView | None:
        return self._current

    async def find(self, pointer: Pointer) -> ReleaseView:
        """404 where there is no such release (yet), 410 beyond retention, 400 for an instant in the future, and 503
        while that cannot be known."""
        return await self.view(await self.named(pointer))

    async def named(self, pointer: Pointer) -> Published:
        """The release that is meant, whose tables need not be loaded."""
        if self._current is None:
            raise no_release_yet() if self.read_through else _retry_later("the release log has not been read yet")
        if pointer.problem is not None:
            raise pointer.problem
        if pointer.release is not None:
            return self._kept(self.timeline.numbered(pointer.release))
        if pointer.instant is None:
            return self._current.published
        self.timeline.check_past(pointer.instant, now())
        if pointer.instant > self.timeline.newest.released_at:
            await self._wait_until_read(pointer.instant)
        return self._kept(self.timeline.as_known_at(pointer.instant))

    def _kept(self, published: Published) -> Published:
        self.timeline.check_kept(published, self._retention, now())
        return published

    async def view(self, published: Published) -> ReleaseView:
        """Any visible release within retention; an older gold version is loaded at its first use."""
        return await self._view(self._kept(published))

    async def history(self, releases: Sequence[Published]) -> list[ReleaseView]:
        """Those of which each row can still be read. Rows are only ever added to a gold version, so its cached tables
        answer for all of its releases, also those beyond retention, as long as one of them is kept and nobody drops
        the version."""
        fullest = self.timeline.fullest(self._retention, now())
        wanted = {one.release.gold_version for one in releases} & fullest.keys()
        tables = {version: await self._tables_if_readable(fullest[version]) for version in sorted(wanted)}
        return [
            ReleaseView(one, {name: cached[name] for name in gold_tables(one.release.tables) if name in cached})
            for one in releases
            if (cached := tables.get(one.release.gold_version)) is not None
        ]

    async def _tables_if_readable(self, published: Published) -> Mapping[str, CachedTable] | None:
        """None where the gold version has been dropped."""
        try:
            return (await self._view(published)).tables
        except ProblemError as problem:
            if problem.kind is not Kind.BEYOND_RETENTION:
                raise
            return None

    async def _view(self, published: Published) -> ReleaseView:
        current = self._current
        assert current is not None
        if published is current.published:
            return current
        if published.release.gold_version in self._candidates.dropped:
            raise _dropped(published)
        tables = self._cache.loaded(gold_tables(published.release.tables))
        return await self._loaded_aside(published) if tables is None else ReleaseView(published, tables)

    async def _wait_until_read(self, instant: datetime) -> None:
        def is_read() -> bool:
            return self.read_through is not None and self.read_through > instant

        if is_read():
            return
        self._wake.set()
        try:
            async with asyncio.timeout(WAIT_LIMIT.total_seconds()), self._polled:
                await self._polled.wait_for(is_read)
        except TimeoutError as error:
            raise _retry_later("the release log cannot be read up to that instant now") from error

    async def _loaded_aside(self, published: Published) -> ReleaseView:
        number = published.number
        if number not in self._loading:
            self._loading[number] = asyncio.create_task(self._load_aside(published))
        try:
            return await asyncio.wait_for(asyncio.shield(self._loading[number]), WAIT_LIMIT.total_seconds())
        except TimeoutError as error:
            raise _retry_later(f"gold version {published.release.gold_version} is being loaded") from error
        except NotFoundError as error:
            raise _dropped(published) from error
        except LakehouseError as error:
            raise _retry_later(f"gold version {published.release.gold_version} cannot be read now") from error

    async def _load_aside(self, published: Published) -> ReleaseView:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._loaders, self._load_if_kept, published)
        finally:
            del self._loading[published.number]

    def _show(self, published: Published) -> ReleaseView:
        return ReleaseView(published, self._cache.show(gold_tables(published.release.tables)))

    def _load_if_kept(self, published: Published) -> ReleaseView:
        if self._candidates.is_dropped(published.release.gold_version):
            raise NotFoundError(f"gold version {published.release.gold_version} has been dropped")
        return ReleaseView(published, self._cache.load(gold_tables(published.release.tables)))


def _dropped(published: Published) -> ProblemError:
    return ProblemError(Kind.BEYOND_RETENTION, f"gold version {published.release.gold_version} has been dropped")


def _retry_later(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
