"""A stack of its own for one benchmark: fresh state, the product's default settings, gone afterwards.

In: a folder and the first of a row of free ports. Out: a running stack whose commands are run as an operator runs them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import Settings

LAKEHOUSE = Path(sys.executable).with_name("lakehouse")


@dataclass(frozen=True)
class Station:
    """``settings`` are those of the stack; ``environment`` hands them to its commands."""

    settings: Settings
    environment: dict[str, str]

    @property
    def sizes(self) -> str:
        """What of the settings decides how much is built at once."""
        settings = self.settings
        return (
            f"Trino with a heap of {settings.trino_memory}, cycles of {settings.transform.max_rows_per_cycle:,} rows, "
            f"slices of {settings.releases.slice_rows:,}"
        )

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.warehouse)

    @property
    def files(self) -> HdfsFiles:
        return HdfsFiles(self.settings.hdfs_url)

    @property
    def trino(self) -> Trino:
        return Trino.of(self.settings, user=TRANSFORM_USER)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, self.layout)

    def run(self, *arguments: str) -> str:
        """What a verb prints; raises with its last words if it fails."""
        done = subprocess.run(
            [str(LAKEHOUSE), *arguments], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise LakehouseError(
                f"`lakehouse {' '.join(arguments)}` ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done.stdout.strip()

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A verb that goes on beside us; its last words go to a file."""
        words = (self.settings.home_path / f"{arguments[0]}.err").open("w")
        return subprocess.Popen(
            [str(LAKEHOUSE), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def end(self) -> None:
        self.run("down")
        shutil.rmtree(self.settings.home_path, ignore_errors=True)

    def up(self, *services: str) -> None:
        self.run("up", *(["--only", ",".join(services)] if services else []))


@contextmanager
def station(home: Path, port_base: int) -> Iterator[Station]:
    """Not started yet; ended and removed with the block, as is what an earlier run has left there."""
    own = {"LAKEHOUSE_HOME": str(home), "LAKEHOUSE_PORT_BASE": str(port_base)}
    made = Station(Settings(home=home, port_base=port_base), {**os.environ, **own})
    made.end()
    home.mkdir(parents=True)
    try:
        yield made
    finally:
        made.end()
