"""A warehouse on the real HDFS and Trino, without the services: the test says what arrives and when a cycle runs."""

from datetime import timedelta

import msgspec

from lakehouse.clients.files import HdfsFiles, publish
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION, Streamed
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.publishing import gates
from lakehouse.transform.publishing.promote import Promote, PromoteRequest
from lakehouse.transform.publishing.rollback import RollbackRequest, rollback
from lakehouse.transform.service import Transform
from tests.support.bronze_rows import START, Row, chunks, write

LAYOUT = Layout("/lakehouse")


def in_steps(settings: Settings, rows: list[Row], steps: int) -> Settings:
    """Bronze in that many commits, and the settings with which a cycle takes one of them."""
    write(
        f"{settings.hdfs_url}{LAYOUT.bronze(FIRST_GENERATION)}", list(chunks(rows, steps)), START + timedelta(days=81)
    )
    write(f"{settings.hdfs_url}{LAYOUT.quarantine(FIRST_GENERATION)}", [[]], START)
    transform = settings.transform.model_copy(update={"max_rows_per_cycle": 1})
    return settings.model_copy(update={"transform": transform})


class StackWarehouse:
    """Its servers must run. ``olga`` is the operator."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = HdfsFiles(settings.hdfs_url)
        self.trino = Trino.of(settings)
        self.builder = Builder(settings, self.files)
        self.versions = Versions(self.files, LAYOUT)
        self.transform = Transform(settings)
        write(f"{settings.hdfs_url}{LAYOUT.quarantine(FIRST_GENERATION)}", [[]], START)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, LAYOUT)

    def arrive(self, rows: list[Row], day: int) -> None:
        """A bronze commit of that day after :data:`START`."""
        write(f"{self.settings.hdfs_url}{LAYOUT.bronze(FIRST_GENERATION)}", [rows], START + timedelta(days=day))

    def make_generation(self, generation: int, rows: list[Row]) -> None:
        """Bronze of that generation, as a build from raw files that hold these rows would leave it."""
        url = self.settings.hdfs_url
        write(f"{url}{LAYOUT.bronze(GenerationNumber(generation))}", [rows], START)
        write(f"{url}{LAYOUT.quarantine(GenerationNumber(generation))}", [[]], START)
        made = Streamed(
            GenerationNumber(generation), delta_version=0, rows=len(rows), segments={}, at=0, nonce=new_nonce()
        )
        publish(
            self.files, LAYOUT.staging, LAYOUT.bronze_streamed(GenerationNumber(generation)), msgspec.json.encode(made)
        )

    def promote(self, version: int) -> int:
        """The new release's number. The ledger needs stations that are not here."""
        request = PromoteRequest(GoldVersionNumber(version), "olga")
        return Promote(self.builder, (), (gates.caught_up,)).run(request).number

    def rollback(self, to: ReleaseNumber | None = None, *, exact: bool = False) -> int:
        return rollback(self.log, self.versions, RollbackRequest("olga", to, exact)).number
