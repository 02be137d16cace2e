"""Carries out the plan of one candidate in a process of its own: ``python -m lakehouse.transform.backfill.reprocess``.

In: the number of a gold version with a plan. Out: its snapshots. The command line runs it and waits, and the
transform service runs it for plans that nobody carries out (any more); who has the version's lock builds.
"""

import logging
import sys
import time
from collections.abc import Callable

from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import reprocess_user
from lakehouse.errors import LakehouseError
from lakehouse.json_logs import fields, log_as_json
from lakehouse.releases.model import GoldVersion
from lakehouse.settings import Settings, load_settings
from lakehouse.transform.backfill import plan
from lakehouse.transform.backfill.progress import Phase, Progress, ProgressFile, Watch
from lakehouse.transform.backfill.rebuild import DroppedError, Rebuild
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.locks import building
from lakehouse.transform.maintenance.drop import remove

Say = Callable[[str], None]
LOOK_EVERY = 1.0
"""Seconds between two looks at what another process builds."""
_log = logging.getLogger(__name__)


def start(settings: Settings, request: plan.ReprocessRequest) -> GoldVersion:
    """Plans; builds nothing."""
    return plan.plan(Builder(settings, HdfsFiles(settings.hdfs_url)), request)


def carry_out(settings: Settings, version: GoldVersion, say: Say, watch: Watch | None = None) -> None:
    """Returns once the version stands where the live version stands; waits for another process that builds it.
    ``watch`` gets how far it is, in either case; without it, ``say`` gets that in words."""
    builder = Builder(settings, HdfsFiles(settings.hdfs_url), user=reprocess_user(version.version))
    build_or_wait(builder, version, say, watch or (lambda progress: say(progress.words)))


def build_or_wait(builder: Builder, version: GoldVersion, say: Say, watch: Watch) -> None:
    """:func:`carry_out` for a builder."""
    document = ProgressFile(builder.files, builder.layout, version.version)
    seen: Progress | None = None
    is_waiting = False
    while True:
        with building(builder.settings, version.version, wait=False) as mine:
            if mine:
                return _carry_out(builder, version, say, watch)
        if not is_waiting:
            say(f"gold version {version.version} is being built by another process, which is waited for")
            is_waiting = True
        if (progress := document.read()) is not None and progress != seen:
            watch(progress)
            seen = progress
        if progress is not None and progress.phase is Phase.DONE:
            return None
        time.sleep(LOOK_EVERY)


def _carry_out(builder: Builder, version: GoldVersion, say: Say, watch: Watch) -> None:
    try:
        Rebuild(builder, version, say, watch).run()
    except DroppedError:
        remove(builder, version.version)
        raise


def main() -> int:
    settings = load_settings()
    log_as_json(f"reprocess-{sys.argv[1]}")
    files = HdfsFiles(settings.hdfs_url)
    version = Builder(settings, files).versions.get(GoldVersionNumber(int(sys.argv[1])))
    names = fields(gold_version=version.version)
    try:
        carry_out(settings, version, lambda line: _log.info(line, extra=names))
    except LakehouseError as error:
        _log.error(str(error), extra=names)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
