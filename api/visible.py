"""Which releases readers may see: those of the log whose rows are in the serving copy.

In: the release log, polled. Out: a :class:`ReleaseView`, the current one or the one of a number or an instant, or 404,
410, 503. Keeps promise 2 on this side (a release appears with all its tables at once, never before they are loaded) and
promise 4: a question about an instant is answered only once the log has been read after that instant, because until
then a release could still be found that came before it.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from api.copies import Copies, TableCopy
from api.query import Pointer, bad
from api.receipts import receipt
from api.schemas import Receipt
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
        self._releases: Sequence[Published] = ()
        self._count = 0
        self._current: ReleaseView | None = None
        self._loading: dict[int, asyncio.Task[ReleaseView]] = {}
        self._hurry = asyncio.Event()
        self._polled = asyncio.Condition()
        self.read_through: datetime | None = None
        """All releases up to this instant are visible; None until the log has been read once."""

    async def run(self) -> None:
        while True:
            try:
                await self.poll()
            except LakehouseError as error:
                _log.warning("release log not read: %s", error)
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
        if len(releases) > self._count:
            view = await loop.run_in_executor(self._threads, self._load, releases[-1])
            self._releases, self._current = releases, view
            self._count = view.published.number - releases[0].number + 1
            _log.info("release %d is visible", view.published.number)
        self.read_through = started
        async with self._polled:
            self._polled.notify_all()

    @property
    def current(self) -> ReleaseView | None:
        return self._current

    def newest_first(self, limit: int, before: int | None) -> list[Published]:
        end = self._count if before is None else max(0, min(self._count, before - self._first))
        return list(reversed(self._releases[max(0, end - limit) : end]))

    def through(self, view: ReleaseView) -> Sequence[Published]:
        """The releases up to and with one, oldest first."""
        return self._releases[: view.published.number - self._first + 1]

    async def find(self, pointer: Pointer) -> ReleaseView:
        """404 where there is no such release (yet), 410 beyond retention, 400 for an instant in the future."""
        if self._current is None:
            raise _nothing_yet()
        if pointer.problem is not None:
            raise pointer.problem
        if pointer.release is not None:
            return await self.view(self._numbered(pointer.release))
        if pointer.instant is None:
            return self._current
        return await self.view(await self._as_known_at(pointer.instant))

    async def view(self, published: Published) -> ReleaseView:
        """Any visible release; an older gold version is loaded at its first use."""
        current = self._current
        assert current is not None
        if published is current.published:
            return current
        self._check_retention(published)
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

    async def _as_known_at(self, instant: datetime) -> Published:
        newest = self._releases[self._count - 1].released_at
        if instant > max(utc_now(), newest):
            raise bad("as_known_at", "lies in the future")
        if instant > newest:
            await self._wait_until_read(instant)
        place = bisect_right(self._releases, instant, 0, self._count, key=lambda one: one.released_at)
        if place == 0:
            raise _nothing_yet()
        return self._releases[place - 1]

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

    def _numbered(self, number: int) -> Published:
        place = number - self._first
        if not 0 <= place < self._count:
            raise ProblemError(Kind.NOT_FOUND, f"there is no release {number}; see /v1/releases")
        return self._releases[place]

    def _check_retention(self, published: Published) -> None:
        """A release is kept for the retention from the instant at which another took its place."""
        place = published.number - self._first + 1
        if place < self._count and self._releases[place].released_at < utc_now() - self._retention:
            days = self._retention.total_seconds() / 86_400
            raise ProblemError(Kind.BEYOND_RETENTION, f"releases are kept for {days:g} days")

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

    @property
    def _first(self) -> int:
        return self._releases[0].number if self._releases else 1


def _gold_tables(published: Published) -> dict[str, TableState]:
    """The gold tables that the release names and this code knows."""
    tables = published.release.tables
    return {table: tables[name] for table in GOLD_MEASURES if (name := f"{GOLD_SCHEMA}.{table}") in tables}


def _nothing_yet() -> ProblemError:
    return ProblemError(Kind.NO_RELEASE, "nothing had been released then; see /v1/releases")


def _come_again(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
