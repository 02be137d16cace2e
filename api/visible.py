"""Which releases readers may see: those of the log whose rows are in the serving copy.

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
from datetime import UTC, datetime, timedelta
from functools import cached_property

from api.copies import Copies, TableCopy, gold_tables, step_back
from api.prospects import Prospects
from api.query import Pointer
from api.receipts import receipt
from api.schemas import Receipt
from api.timeline import Timeline, nothing_yet
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.problems import Kind, ProblemError
from lakehouse.releases.log import Published, ReleaseLog

PATIENCE = timedelta(seconds=10)
"""So long does a request wait for the log or for an older gold version before it is told to come again."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, eq=False)
class ReleaseView:
    """A release with copies of its gold tables."""

    published: Published
    tables: Mapping[str, TableCopy]

    @property
    def snapshot(self) -> int:
        return self.published.release.snapshot

    @cached_property
    def receipt(self) -> Receipt:
        return receipt(self.published)


class Visible:
    """Use from one event loop. ``poll`` is called again and again by :meth:`run`."""

    def __init__(
        self, log: ReleaseLog, copies: Copies, prospects: Prospects, retention: timedelta, interval: timedelta
    ) -> None:
        self._log = log
        self._copies = copies
        self._prospects = prospects
        self._retention = retention
        self._interval = interval
        self._poller = ThreadPoolExecutor(1, thread_name_prefix="poller")
        self._loaders = ThreadPoolExecutor(2, thread_name_prefix="loader", initializer=step_back)
        """Apart from the other, so that a newest release never waits for an old one."""
        self.timeline = Timeline()
        self._current: ReleaseView | None = None
        self._loading: dict[int, asyncio.Task[ReleaseView]] = {}
        self._hurry = asyncio.Event()
        self._polled = asyncio.Condition()
        self.read_through: datetime | None = None
        """All releases up to this instant are visible; None until the log has been read once."""

    async def run(self) -> None:
        trouble: str | None = None
        while True:
            try:
                await self.poll()
                trouble = None
            except LakehouseError as error:
                if str(error) != trouble:  # once, not every second
                    _log.warning("release log not read: %s", error)
                trouble = str(error)
            except Exception:
                _log.exception("release log not read")
            self._hurry.clear()
            try:
                await asyncio.wait_for(self._hurry.wait(), self._interval.total_seconds())
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """Reads the log, loads what the newest release needs, then shows it."""
        started = utc_now()
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
            raise nothing_yet() if self.read_through else _come_again("the release log has not been read yet")
        if pointer.problem is not None:
            raise pointer.problem
        if pointer.release is not None:
            return self._kept(self.timeline.numbered(pointer.release))
        if pointer.instant is None:
            return self._current.published
        self.timeline.check_past(pointer.instant, utc_now())
        if pointer.instant > self.timeline.newest.released_at:
            await self._wait_until_read(pointer.instant)
        return self._kept(self.timeline.as_known_at(pointer.instant))

    def _kept(self, published: Published) -> Published:
        self.timeline.check_kept(published, self._retention, utc_now())
        return published

    async def view(self, published: Published) -> ReleaseView:
        """Any visible release within retention; an older gold version is loaded at its first use."""
        return await self._view(self._kept(published))

    async def history(self, releases: Sequence[Published]) -> list[ReleaseView]:
        """Those of which each row can still be read. Rows are only ever added to a gold version, so one copy answers
        for all of its releases, also those beyond retention: as long as one of them is kept, and nobody drops it."""
        fullest = self.timeline.fullest(self._retention, utc_now())
        wanted = {one.release.gold_version for one in releases} & fullest.keys()
        tables = {version: await self._tables_if_readable(fullest[version]) for version in sorted(wanted)}
        return [
            ReleaseView(one, {name: copies[name] for name in gold_tables(one.release.tables) if name in copies})
            for one in releases
            if (copies := tables.get(one.release.gold_version)) is not None
        ]

    async def _tables_if_readable(self, published: Published) -> Mapping[str, TableCopy] | None:
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
        if published.release.gold_version in self._prospects.dropped:
            raise _dropped(published)
        copies = self._copies.loaded(gold_tables(published.release.tables))
        return await self._loaded_aside(published) if copies is None else ReleaseView(published, copies)

    async def _wait_until_read(self, instant: datetime) -> None:
        def is_read() -> bool:
            return self.read_through is not None and self.read_through > instant

        if is_read():
            return
        self._hurry.set()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()), self._polled:
                await self._polled.wait_for(is_read)
        except TimeoutError as error:
            raise _come_again("the release log cannot be read up to that instant now") from error

    async def _loaded_aside(self, published: Published) -> ReleaseView:
        number = published.number
        if number not in self._loading:
            self._loading[number] = asyncio.create_task(self._load_aside(published))
        try:
            return await asyncio.wait_for(asyncio.shield(self._loading[number]), PATIENCE.total_seconds())
        except TimeoutError as error:
            raise _come_again(f"gold version {published.release.gold_version} is being loaded") from error
        except NotFoundError as error:
            raise _dropped(published) from error
        except LakehouseError as error:
            raise _come_again(f"gold version {published.release.gold_version} cannot be read now") from error

    async def _load_aside(self, published: Published) -> ReleaseView:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._loaders, self._load_if_kept, published)
        finally:
            del self._loading[published.number]

    def _show(self, published: Published) -> ReleaseView:
        return ReleaseView(published, self._copies.show(gold_tables(published.release.tables)))

    def _load_if_kept(self, published: Published) -> ReleaseView:
        if self._prospects.is_dropped(published.release.gold_version):
            raise NotFoundError(f"gold version {published.release.gold_version} has been dropped")
        return ReleaseView(published, self._copies.load(gold_tables(published.release.tables)))


def _dropped(published: Published) -> ProblemError:
    return ProblemError(Kind.BEYOND_RETENTION, f"gold version {published.release.gold_version} has been dropped")


def _come_again(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
