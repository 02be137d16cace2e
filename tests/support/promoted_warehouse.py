"""A warehouse in a local folder after a promote: operations are given to it, and carried out on it."""

from dataclasses import dataclass, field

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, Definition, Plan, ReleaseKind, TableState, new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import Operation, Operations, Result, new_id, now
from lakehouse.transform.ops_api.worker import Worker
from lakehouse.transform.publishing.publish import following
from tests.support.release_documents import snapshot


@dataclass
class Warehouse:
    """Version 1 was shown by release 1, version 2 was promoted by release 2."""

    settings: Settings
    files: LocalFiles
    shown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, planned in ((1, None), (2, Plan("bronze", BronzeCursor(1, 1), None, "olga"))):
            version = self.versions.create(Definition("f" * 64), planned)
            tables = {"gold.merchant_sales": TableState(f"gold_v{number}", f"/t{number}", 1)}
            made = snapshot(number, 1, tables, complete_through=900)
            self.versions.add_snapshot(made)
            kind = ReleaseKind.PROMOTE if planned else ReleaseKind.CYCLE
            self.log.append(following(self.log.current(), version, made, kind, actor="olga"))

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.warehouse)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, self.layout)

    @property
    def versions(self) -> Versions:
        return Versions(self.files, self.layout)

    @property
    def operations(self) -> Operations:
        return Operations(self.files, self.layout)

    def give(self, request: requests.Request, seen: int | None = 2, definition: str | None = None) -> Operation:
        operation = Operation(new_id("olga", None), request, "olga", now(), new_nonce(), seen, definition)
        return self.operations.add(operation)

    def carry(self, operation: Operation, attempts: int = 1) -> Result:
        return Worker(self.settings, self.files, operation).run(attempts, pause=0)
