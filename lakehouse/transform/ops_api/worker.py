"""Carries out one order of an operator, in a process of its own: ``python -m lakehouse.transform.ops_api.worker ID``.

In: the order's document. Out: what it asks for, then its result. Safe to be killed and started again anywhere: what was
published for the order says so (``order`` in a release, a plan, a drop) and is found instead of done twice. What fails
because a server is away is tried again; a refusal is a result.
"""

import logging
import sys
import time
from contextlib import suppress

from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.clients.trino import QueryFailedError, Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER, reprocess_user
from lakehouse.errors import AlreadyExistsError, LakehouseError, NotFoundError, NotReadyError, RefusedError
from lakehouse.json_logs import fields, log_as_json
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings, load_settings
from lakehouse.transform import catalog
from lakehouse.transform.backfill import plan
from lakehouse.transform.backfill.reprocess import carry_out
from lakehouse.transform.building.build import BuildFailedError
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.table_states import ForeignCommitError
from lakehouse.transform.locks import carrying_out
from lakehouse.transform.maintenance import drop
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import End, Order, Orders, Result
from lakehouse.transform.publishing import promote, rollback

ATTEMPTS = 30
PAUSE = 10.0
ELSEWHERE = 75
"""Exit code: another process carries the order out."""

_log = logging.getLogger(__name__)


class Carried:
    """One order. The caller holds its lock."""

    def __init__(self, settings: Settings, files: Files, order: Order) -> None:
        self._settings = settings
        self._files = files
        self._order = order
        self._layout = Layout(settings.warehouse)
        self._orders = Orders(files, self._layout)
        self._releases = ReleaseLog(files, self._layout)
        noted = self._orders.note(order.id)
        self._gold_version = noted.gold_version if noted else None

    def run(self, attempts: int = ATTEMPTS, pause: float = PAUSE) -> Result:
        """Its result, published."""
        for attempt in range(1, attempts):
            try:
                return self._attempt()
            except LakehouseError as error:
                if not _may_pass(error):
                    return self._end(End.FAILED, says=str(error))
                self.say(f"attempt {attempt} of {attempts} failed, and is repeated: {error}")
                time.sleep(pause)
        try:
            return self._attempt()
        except LakehouseError as error:
            return self._end(End.FAILED, says=str(error))

    def say(self, line: str) -> None:
        """For whoever watches; that nobody hears it stops nothing."""
        _log.info(line, extra=fields(order=self._order.id))
        with suppress(LakehouseError):
            self._orders.say(self._order.id, line, self._gold_version)

    def _attempt(self) -> Result:
        try:
            match self._order.wish:
                case requests.Reprocess() as wish:
                    return self._reprocess(wish)
                case requests.Promote() as wish:
                    return self._promote(wish)
                case requests.Rollback() as wish:
                    return self._rollback(wish)
                case requests.Drop() as wish:
                    return self._drop(wish)
        except RefusedError as error:
            return self._end(End.REFUSED, says=str(error))

    def _reprocess(self, wish: requests.Reprocess) -> Result:
        versions = Versions(self._files, self._layout)
        if self._gold_version is None:
            if self._order.definition is None:
                raise RefusedError("nothing has been released yet whose definition could be used: name a `definition`")
            wanted = wish.planned(self._order.actor, self._order.definition, self._order.id)
            self._gold_version = plan.plan(Builder(self._settings, self._files), wanted).version
            # Durable before anything is built: it may be another's unfinished one, which does not name this order.
            said = f"gold version {self._gold_version} is built"
            self._orders.say(self._order.id, said, self._gold_version)
        carry_out(self._settings, versions.get(self._gold_version), self.say)
        return self._end(End.DONE)

    def _promote(self, wish: requests.Promote) -> Result:
        self._gold_version = wish.gold_version
        published = self._published()
        if published is None:
            builder = Builder(self._settings, self._files, user=reprocess_user(wish.gold_version))
            word = promote.Order(
                wish.gold_version, self._order.actor, wish.reason, wish.accept, self._order.id, self._order.seen
            )
            published = promote.Promote.of(builder).run(word, self.say)
        return self._shown(published)

    def _rollback(self, wish: requests.Rollback) -> Result:
        published = self._published()
        if published is None:
            word = rollback.Return(
                self._order.actor, wish.to, wish.exact, wish.reason, self._order.id, self._order.seen
            )
            try:
                published = rollback.roll_back(self._settings, self._files, self._releases, word)
            except NotFoundError as error:
                raise RefusedError(str(error)) from error
        behind = rollback.seconds_behind(self._releases, published)
        return self._shown(published, rollback.how_stale(published, behind), behind)

    def _drop(self, wish: requests.Drop) -> Result:
        self._gold_version = wish.gold_version
        builder = Builder(self._settings, self._files)
        drop.drop(builder, wish.gold_version, self._order.actor, wish.reason, self.say, self._order.id)
        return self._end(End.DONE)

    def _published(self) -> Published | None:
        """The release that this order has published before it was killed."""
        for published in reversed(self._releases.refresh()):
            if published.number <= (self._order.seen or 0):
                return None
            if published.release.order == self._order.id:
                return published
        return None

    def _shown(self, published: Published, says: str | None = None, seconds_behind: int | None = None) -> Result:
        self._gold_version = published.release.gold_version
        catalog.show_published(Trino.of(self._settings, user=TRANSFORM_USER), self._releases, self.say)
        return self._end(End.DONE, says=says, release=published.number, seconds_behind=seconds_behind)

    def _end(
        self, end: End, *, says: str | None = None, release: int | None = None, seconds_behind: int | None = None
    ) -> Result:
        version = self._gold_version
        return self._orders.finish(
            self._order.id, end, says=says, gold_version=version, release=release, seconds_behind=seconds_behind
        )


def _may_pass(error: LakehouseError) -> bool:
    """Whether the same again may go well: a server was away, or another writer was first."""
    if isinstance(error, BuildFailedError):
        return not error.is_lasting
    return isinstance(error, NotReadyError | QueryFailedError | ForeignCommitError | AlreadyExistsError)


def main() -> int:
    settings, name = load_settings(), sys.argv[1]
    log_as_json("order")
    files = HdfsFiles(settings.hdfs_url)
    orders = Orders(files, Layout(settings.warehouse))
    with carrying_out(settings, name) as mine:
        if not mine:
            return ELSEWHERE
        if orders.result(name) is None:
            result = Carried(settings, files, orders.get(name)).run()
            _log.info("the order has ended", extra=fields(order=name, end=result.end, says=result.says))
    return 0


if __name__ == "__main__":
    sys.exit(main())
