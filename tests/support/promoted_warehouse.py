"""A warehouse in a local folder after a promote: operations are given to it, and carried out on it."""

from pathlib import Path

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.model import new_nonce
from lakehouse.settings import Settings
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import Operation, Operations, Result, new_id, now
from lakehouse.transform.ops_api.worker import Worker
from tests.support.logged_warehouse import CANDIDATE, LoggedWarehouse


class PromotedWarehouse(LoggedWarehouse):
    """Version 1 was shown by release 1, version 2 was promoted by release 2."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(folder, Layout(settings.warehouse))
        self.settings = settings
        self.shown: list[int] = []
        self.cycle(self.version())
        candidate = self.version(CANDIDATE)
        self.snapshot(candidate)
        self.promote(candidate)

    @property
    def operations(self) -> Operations:
        return Operations(self.files, self.layout)

    def give(
        self, request: requests.Request, seen: ReleaseNumber | None = ReleaseNumber(2), definition: str | None = None
    ) -> Operation:
        operation = Operation(new_id("olga", None), request, "olga", now(), new_nonce(), seen, definition)
        return self.operations.add(operation)

    def carry(self, operation: Operation, attempts: int = 1) -> Result:
        return Worker(self.settings, self.files, operation).run(attempts, pause=0)
