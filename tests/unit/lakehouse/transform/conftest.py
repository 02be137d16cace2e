"""What tests of the ops API share: the API, and a warehouse whose operations are carried out."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.http.health import Health
from lakehouse.http.server import Listening
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Snapshot
from lakehouse.settings import Settings
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.issue import issue
from lakehouse.transform import catalog
from lakehouse.transform.diff.model import Difference, Limits, Side
from lakehouse.transform.ops_api.app import create_app
from lakehouse.transform.ops_api.differences import Differences
from lakehouse.transform.ops_api.handlers import Handlers
from lakehouse.transform.ops_api.plans import Plans
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse
from tests.support.ops_client import OpsApi, undocumented
from tests.support.promoted_warehouse import PromotedWarehouse
from tests.support.quarantine_world import QuarantineWorld


@pytest.fixture
def ops_api(tmp_path: Path) -> Iterator[OpsApi]:
    """Whatever a test asks of it, the OpenAPI document knows each answer."""
    settings = Settings(home=tmp_path / "home", warehouse=LAYOUT.root)
    stored, health = LoggedWarehouse(tmp_path / "hdfs"), Health(timedelta(minutes=1))
    files = stored.files
    woken: list[int] = []
    compared: list[tuple[int, int]] = []

    def compare(left: Snapshot, right: Snapshot, release: int, limits: Limits) -> Difference:
        compared.append((left.gold_version, right.gold_version))
        return Difference(
            Side(left.gold_version, left.number, left.bronze, ReleaseNumber(release)),
            Side(right.gold_version, right.number, right.bronze),
        )

    issue(settings, "olga", [Scope.OPS])
    world = QuarantineWorld()
    compares, plans = Differences(files, LAYOUT, compare), Plans(settings, files)
    silent_after = settings.transform.edge_silent_after
    handlers = Handlers(files, LAYOUT, compares, plans, world.quarantine(files), lambda: woken.append(1), silent_after)
    server = Listening(create_app(handlers, Verifier(settings), health, CollectorRegistry()), "127.0.0.1", 0)
    answers: list[httpx.Response] = []
    url, hooks = f"http://127.0.0.1:{server.port}", {"response": [answers.append]}
    with httpx.Client(base_url=url, trust_env=False, timeout=20, event_hooks=hooks) as client:
        made = OpsApi(client, settings, stored, health, woken, compared, world)
        stored.cycle(stored.version())
        stored.cycle(stored.version(CANDIDATE))
        yield made
        document = client.get("/openapi.json").json()
    server.close()
    assert undocumented(document, answers) == set()


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PromotedWarehouse:
    made = PromotedWarehouse(Settings(home=tmp_path / "home"), tmp_path / "hdfs")

    def show(_: object, log: ReleaseLog, *__: object) -> None:
        current = log.current()
        made.shown.append(current.number if current else 0)

    monkeypatch.setattr(catalog, "show_current", show)
    return made
