"""The edge, the insights API and the ops API on real ports, over an empty folder instead of HDFS, with no stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from api.app import assemble
from ingestion.app import App
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.http.health import Health
from lakehouse.http.server import Listening
from lakehouse.settings import Settings
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.issue import issue
from lakehouse.transform.diff.model import Difference
from lakehouse.transform.ops_api.app import create_app
from lakehouse.transform.ops_api.differences import Differences
from lakehouse.transform.ops_api.handlers import Handlers
from lakehouse.transform.ops_api.plans import Plans
from tests.support.quarantine_world import QuarantineWorld


@dataclass(frozen=True)
class HttpService:
    """``path`` needs a token with ``scope``, of the merchant ``m``, and takes ``method``."""

    client: httpx.Client
    settings: Settings
    method: str
    path: str
    scope: Scope

    def bearer(self, scope: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self.settings, 'm', [scope])}"}

    def ask(self, headers: dict[str, str], **more: Any) -> httpx.Response:
        return self.client.request(self.method, self.path, headers=headers, **more)


@contextmanager
def services(home: Path) -> Iterator[dict[str, HttpService]]:
    settings = Settings(home=home, warehouse="/w")
    files = LocalFiles(home / "hdfs")
    issue(settings, "m", [Scope.OPS])  # makes the keys
    found = {
        "edge": (App(settings, files), "POST", "/v1/events", Scope.EVENTS_WRITE),
        "insights": (
            assemble(settings, files, f"file://{home}/hdfs"),
            "GET",
            "/v1/merchants/m/metrics",
            Scope.INSIGHTS_READ,
        ),
        "ops": (_ops(settings, files), "GET", "/v1/ops/releases", Scope.OPS),
    }
    listening, made = [], {}
    for name, (app, method, path, scope) in found.items():
        listening.append(Listening(app, "127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening[-1].port}"
        made[name] = HttpService(httpx.Client(base_url=url, trust_env=False, timeout=30), settings, method, path, scope)
    try:
        yield made
    finally:
        for service, one in zip(made.values(), listening, strict=True):
            service.client.close()
            one.close()


def _ops(settings: Settings, files: LocalFiles) -> Any:
    layout = Layout(settings.warehouse)

    def compare(*_: Any) -> Difference:
        raise AssertionError("there is nothing to compare")

    compared, quarantine = Differences(files, layout, compare), QuarantineWorld().quarantine(files)
    silent_after = settings.transform.edge_silent_after
    handlers = Handlers(files, layout, compared, Plans(settings, files), quarantine, lambda: None, silent_after)
    return create_app(handlers, Verifier(settings), Health(timedelta(minutes=1)))
