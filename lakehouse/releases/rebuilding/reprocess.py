"""Carries out the plan of one candidate in a process of its own: ``python -m lakehouse.releases.rebuilding.reprocess``.

In: the number of a gold version with a plan. Out: its snapshots. The command line runs it for whoever waits, and the
transform service for plans that nobody carries out (any more); whoever has the version's lock builds.
"""

import sys
import time
from collections.abc import Callable

from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.tables import reprocess_user
from lakehouse.errors import LakehouseError
from lakehouse.releases.building.advance import Builder
from lakehouse.releases.locks import building
from lakehouse.releases.model import GoldVersion
from lakehouse.releases.rebuilding import plan
from lakehouse.releases.rebuilding.progress import Phase, ProgressFile
from lakehouse.releases.rebuilding.rebuild import DroppedError, Rebuild
from lakehouse.releases.upkeep.drop import remove
from lakehouse.service import log_as_json
from lakehouse.settings import Settings, load_settings

Say = Callable[[str], None]


def start(settings: Settings, wish: plan.Wish) -> GoldVersion:
    """Plans; builds nothing."""
    return plan.plan(Builder(settings, HdfsFiles(settings.hdfs_url)), wish)


def carry_out(settings: Settings, version: GoldVersion, say: Say) -> None:
    """Returns once the version stands where the live version stands; waits for another who is at it."""
    files = HdfsFiles(settings.hdfs_url)
    builder = Builder(settings, files, user=reprocess_user(version.version))
    while True:
        with building(settings, version.version, wait=False) as mine:
            if mine:
                return _carry_out(builder, version, say)
        if _is_done(files, builder, version):
            return None
        time.sleep(1)


def _carry_out(builder: Builder, version: GoldVersion, say: Say) -> None:
    try:
        Rebuild(builder, version, say).run()
    except DroppedError:
        remove(builder, version.version)
        raise


def _is_done(files: Files, builder: Builder, version: GoldVersion) -> bool:
    progress = ProgressFile(files, builder.layout, version.version).read()
    return progress is not None and progress.phase is Phase.DONE


def main() -> int:
    settings = load_settings()
    log_as_json(f"reprocess-{sys.argv[1]}")
    files = HdfsFiles(settings.hdfs_url)
    version = Builder(settings, files).versions.get(int(sys.argv[1]))
    try:
        carry_out(settings, version, lambda line: print(line, file=sys.stderr, flush=True))
    except LakehouseError as error:
        print(error, file=sys.stderr, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
