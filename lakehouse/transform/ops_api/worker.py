"""Carries out one operation of an operator, in a process of its own: ``python -m lakehouse.transform.ops_api.worker
ID``.

In: the operation's document. Out: what it asks for, then its result. Safe to be killed and started again anywhere: what
was published for the operation says so (``operation`` in a release, a plan, a drop) and is found instead of done twice.
What fails because a server is away is tried again; a refusal is a result.
"""

import logging
import sys
import time
from contextlib import suppress
from typing import Any

from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.clients.trino import QueryFailedError
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, LakehouseError, NotFoundError, NotReadyError, RefusedError
from lakehouse.json_logs import fields, log_as_json
from lakehouse.ledger.retire import Retire
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings, load_settings
from lakehouse.tokens.issue import may_issue
from lakehouse.transform.backfill import plan
from lakehouse.transform.backfill.reprocess import carry_out
from lakehouse.transform.building.build import BuildFailedError
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.table_states import ForeignCommitError
from lakehouse.transform.locks import carrying_out
from lakehouse.transform.maintenance import drop
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import End, Operation, Operations, Result
from lakehouse.transform.ops_api.replay import replay
from lakehouse.transform.publishing import everywhere, promote, rollback

ATTEMPTS = 30
PAUSE = 10.0
ELSEWHERE = 75
"""Exit code: another process carries the operation out."""

_log = logging.getLogger(__name__)


class Worker:
    """One operation. The caller holds its lock."""

    def __init__(self, settings: Settings, files: Files, operation: Operation) -> None:
        self._settings = settings
        self._files = files
        self._operation = operation
        self._layout = Layout(settings.warehouse)
        self._operations = Operations(files, self._layout)
        self._releases = ReleaseLog(files, self._layout)
        noted = self._operations.note(operation.id)
        self._gold_version = noted.gold_version if noted else None

    def run(self, attempts: int = ATTEMPTS, pause: float = PAUSE) -> Result:
        """Its result, published."""
        for attempt in range(1, attempts):
            try:
                return self._attempt()
            except LakehouseError as error:
                if not _may_pass(error):
                    return self._end(End.FAILED, message=str(error))
                self.say(f"attempt {attempt} of {attempts} failed, and is repeated: {error}")
                time.sleep(pause)
        try:
            return self._attempt()
        except LakehouseError as error:
            return self._end(End.FAILED, message=str(error))

    def say(self, line: str) -> None:
        """For people who watch; the work goes on where it cannot be written."""
        _log.info(line, extra=fields(operation=self._operation.id))
        with suppress(LakehouseError):
            self._operations.say(self._operation.id, line, self._gold_version)

    def _attempt(self) -> Result:
        try:
            match self._operation.request:
                case requests.Reprocess() as request:
                    return self._reprocess(request)
                case requests.Promote() as request:
                    return self._promote(request)
                case requests.Rollback() as request:
                    return self._rollback(request)
                case requests.Drop() as request:
                    return self._drop(request)
                case requests.QuarantineReplay() as request:
                    return self._replay(request)
                case requests.EdgeRetire() as request:
                    return self._retire(request)
        except RefusedError as error:
            return self._end(End.REFUSED, message=str(error))

    def _reprocess(self, request: requests.Reprocess) -> Result:
        versions = Versions(self._files, self._layout)
        if self._gold_version is None:
            if self._operation.definition is None:
                raise RefusedError("nothing has been released yet whose definition could be used: name a `definition`")
            wanted = request.planned(self._operation.actor, self._operation.definition, self._operation.id)
            self._gold_version = plan.plan(Builder(self._settings, self._files), wanted).version
            # Durable before anything is built: it may be another's unfinished one, which does not name this operation.
            said = f"gold version {self._gold_version} is built"
            self._operations.say(self._operation.id, said, self._gold_version)
        carry_out(self._settings, versions.get(self._gold_version), self.say)
        return self._end(End.DONE)

    def _promote(self, request: requests.Promote) -> Result:
        self._gold_version = request.gold_version
        published = self._published()
        if published is None:
            wanted = request.planned(self._operation.actor, self._operation.id, self._operation.seen)
            published = promote.promote(self._settings, self._files, wanted, self.say)
        return self._shown(published)

    def _rollback(self, request: requests.Rollback) -> Result:
        published = self._published()
        if published is None:
            wanted = request.planned(self._operation.actor, self._operation.id, self._operation.seen)
            try:
                published = rollback.roll_back(self._settings, self._files, self._releases, wanted)
            except NotFoundError as error:
                raise RefusedError(str(error)) from error
        behind = rollback.seconds_behind(self._releases, published)
        return self._shown(published, rollback.how_stale(published, behind), behind)

    def _drop(self, request: requests.Drop) -> Result:
        self._gold_version = request.gold_version
        builder = Builder(self._settings, self._files)
        drop.drop(builder, request.planned(self._operation.actor, self._operation.id), self.say)
        return self._end(End.DONE)

    def _replay(self, request: requests.QuarantineReplay) -> Result:
        """Done again after a kill: what was sent before counts once."""
        if not request.dry_run and not may_issue(self._settings):
            raise RefusedError(
                "this service has no key that signs tokens; run `lakehouse quarantine replay` where tokens are issued"
            )
        done = replay(self._settings, self._files, request, self.say)
        return self._end(End.DONE, replay=done)

    def _retire(self, request: requests.EdgeRetire) -> Result:
        verb = Retire.of(self._settings, self._files)
        done = verb.done_by(self._operation.id)
        if done is None:
            self.say("what every stage has is read")
            retiring = verb.plan(request.planned(self._operation.actor, self._operation.id))
            if request.dry_run:
                return self._end(End.DONE, retirement=retiring.document())
            done = verb.carry_out(retiring)
        return self._end(End.DONE, retirement=done.document())

    def _published(self) -> Published | None:
        """The release that this operation has published before it was killed."""
        for published in reversed(self._releases.refresh()):
            if published.number <= (self._operation.seen or 0):
                return None
            if published.release.operation == self._operation.id:
                return published
        return None

    def _shown(self, published: Published, message: str | None = None, seconds_behind: int | None = None) -> Result:
        self._gold_version = published.release.gold_version
        everywhere.show(self._settings, self._releases, published, self.say)
        return self._end(End.DONE, message=message, release=published.number, seconds_behind=seconds_behind)

    def _end(
        self,
        end: End,
        *,
        message: str | None = None,
        release: ReleaseNumber | None = None,
        seconds_behind: int | None = None,
        replay: dict[str, Any] | None = None,
        retirement: dict[str, Any] | None = None,
    ) -> Result:
        version = self._gold_version
        return self._operations.finish(
            self._operation.id,
            end,
            message=message,
            gold_version=version,
            release=release,
            seconds_behind=seconds_behind,
            replay=replay,
            retirement=retirement,
        )


def _may_pass(error: LakehouseError) -> bool:
    """Whether the same again may go well: a server was away, or another writer was first."""
    if isinstance(error, BuildFailedError):
        return not error.is_lasting
    return isinstance(error, NotReadyError | QueryFailedError | ForeignCommitError | AlreadyExistsError)


def main() -> int:
    settings, name = load_settings(), sys.argv[1]
    log_as_json("operation")
    files = HdfsFiles(settings.hdfs_url)
    operations = Operations(files, Layout(settings.warehouse))
    with carrying_out(settings, name) as mine:
        if not mine:
            return ELSEWHERE
        if operations.result(name) is None:
            result = Worker(settings, files, operations.get(name)).run()
            _log.info("the operation has ended", extra=fields(operation=name, end=result.end, message=result.message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
