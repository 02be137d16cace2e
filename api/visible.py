"""Which releases readers may see: those of the log whose rows are in the serving copy.

In: the release log, polled. Out: a :class:`ReleaseView`, the current one or the one of a number or an instant, or 404,
410, 503. Keeps promise 2 on this side (a release appears with all its tables at once, never before they are loaded) and
promise 4: a question about an instant is answered only once the log has been read after that instant, because until
then a release could still be found that came before it.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from api.copies import Copies, TableCopy
from api.query import Pointer
from api.receipts import receipt
from api.schemas import Receipt
from api.timeline import Timeline, nothing_yet
from lakehouse.contracts.tables import GOLD_MEASURES, GOLD_SCHEMA
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.problems import Kind, ProblemError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import TableState

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

    def __init__(self, log: ReleaseLog, copies: Copies, retention: timedelta, interval: timedelta) -> None:
        self._log = log
        self._copies = copies
        self._retention = retention
        self._interval = interval
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="loader")
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
        releases = await loop.run_in_executor(self._threads, self._log.refresh)
        if (count := len(releases)) > self.timeline.count:
            view = await loop.run_in_executor(self._threads, self._load, releases[count - 1])
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
        if self._current is None:
            raise nothing_yet() if self.read_through else _come_again("the release log has not been read yet")
        if pointer.problem is not None:
            raise pointer.problem
        if pointer.release is not None:
            return await self.view(self.timeline.numbered(pointer.release))
        if pointer.instant is None:
            return self._current
        self.timeline.check_past(pointer.instant, utc_now())
        if pointer.instant > self.timeline.newest.released_at:
            await self._wait_until_read(pointer.instant)
        return await self.view(self.timeline.as_known_at(pointer.instant))

    async def view(self, published: Published) -> ReleaseView:
        """Any visible release; an older gold version is loaded at its first use."""
        current = self._current
        assert current is not None
        if published is current.published:
            return current
        self.timeline.check_kept(published, self._retention, utc_now())
        copies = self._copies.loaded(_gold_tables(published))
        return await self._loaded_aside(published) if copies is None else ReleaseView(published, copies)

    async def view_if_kept(self, published: Published) -> ReleaseView | None:
        """None where the release is beyond retention, or its gold version has been dropped."""
        try:
            return await self.view(published)
        except ProblemError as problem:
            if problem.kind is not Kind.BEYOND_RETENTION:
                raise
            return None

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
            detail = f"gold version {published.release.gold_version} has been dropped"
            raise ProblemError(Kind.BEYOND_RETENTION, detail) from error
        except LakehouseError as error:
            raise _come_again(f"gold version {published.release.gold_version} cannot be read now") from error

    async def _load_aside(self, published: Published) -> ReleaseView:
        try:
            loop = asyncio.get_running_loop()
            view = await loop.run_in_executor(self._threads, self._load, published)
            if self._current is not None:
                self._copies.of(_gold_tables(self._current.published))  # the last to be forgotten
            return view
        finally:
            del self._loading[published.number]

    def _load(self, published: Published) -> ReleaseView:
        return ReleaseView(published, self._copies.load(_gold_tables(published)))


def _gold_tables(published: Published) -> dict[str, TableState]:
    """The gold tables that the release names and this code knows."""
    tables = published.release.tables
    return {table: tables[name] for table in GOLD_MEASURES if (name := f"{GOLD_SCHEMA}.{table}") in tables}


def _come_again(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
