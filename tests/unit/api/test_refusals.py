"""Contract 2 over HTTP: what is refused, in which order, and what is not available."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.errors import NotReadyError
from lakehouse.releases.log import ReleaseLog
from lakehouse.tokens import Scope
from tests.support.insights_service import DAY, check_problem

BAD = [
    {"metrics": "orders", "from": "2026-11-16"},
    {"from": "2026-11-16", "to": "2026-11-17"},
    {"metrics": "orders,gold", **DAY},
    {"metrics": "", **DAY},
    {"metrics": "orders,orders", **DAY},
    {"metrics": "orders", "from": "2026-11-17", "to": "2026-11-17"},
    {"metrics": "orders", "from": "2026-11-17", "to": "2026-11-16"},
    {"metrics": "orders", "from": "2026-11-16T10:00:00.9Z", "to": "2026-11-16T10:00:00.1Z"},
    {"metrics": "orders", "from": "2026-11-16T10:00:00", "to": "2026-11-17"},
    {"metrics": "orders", "from": "yesterday", "to": "2026-11-17"},
    {"metrics": "orders", "from": "2026-02-30", "to": "2026-11-17"},
    {"metrics": "orders", "from": "0001-01-01", "to": "9999-12-31"},
    {"metrics": "orders", "from": "2026-01-01", "to": "2026-03-01"},
    {"metrics": "orders", "grain": "minute", **DAY},
    {"metrics": "orders", "tz": "Mars/Olympus", **DAY},
    {"metrics": "orders", "tz": "", **DAY},
    {"metrics": "orders", "currency": "brl", **DAY},
    {"metrics": "orders", "currency": "XXX", **DAY},
    {"metrics": "orders", "compare": "last_year", **DAY},
    {"metrics": "orders", "limit": "3", **DAY},
    {"metrics": "orders", "release": "one", **DAY},
    {"metrics": "orders", "release": "-1", **DAY},
    {"metrics": "orders", "release": "1", "as_known_at": "2026-11-16T10:00:00Z", **DAY},
    {"metrics": "orders", "as_known_at": "2026-11-16T10:00:00", **DAY},
    {"metrics": "orders", "as_known_at": "2100-01-01T00:00:00Z", **DAY},
    {"metrics": ["orders", "units"], **DAY},
    {"metrics": "orders", "tz": ["UTC", "UTC"], **DAY},
]


@pytest.mark.parametrize("params", BAD)
def test_wrong_parameters(day: Any, params: dict[str, Any]) -> None:
    answer = day.get("/v1/merchants/m/metrics", **params)
    assert answer.status_code == 400, answer.text
    check_problem(answer, 400)


def test_the_order_of_checks(day: Any) -> None:
    wrong = {"metrics": "gold"}
    check_problem(day.client.get("/v1/merchants/m/metrics", params=wrong), 401)
    check_problem(day.get("/v1/merchants/m/metrics", {"Authorization": "Bearer x"}, **wrong), 401)
    check_problem(day.get("/v1/merchants/m/metrics", {"Authorization": "Basic x"}, **wrong), 401)
    other, nobody = (day.get(f"/v1/merchants/{name}/metrics", **wrong) for name in ("other", "nobody"))
    check_problem(other, 403)
    assert other.content == nobody.content
    writer = day.token("m", Scope.EVENTS_WRITE)
    check_problem(day.get("/v1/merchants/m/metrics", writer, **wrong), 403)
    check_problem(day.get("/v1/merchants/m/metrics", release=99, **wrong), 404)
    check_problem(day.get("/v1/merchants/m/metrics", as_known_at="2000-01-01T00:00:00Z", **wrong), 404)
    check_problem(day.get("/v1/merchants/m/metrics", **wrong), 400)
    check_problem(day.get("/v1/merchants/m/metrics", {"Accept": "image/png"}, **wrong), 400)
    good = {"metrics": "orders", **DAY}
    check_problem(day.get("/v1/merchants/m/metrics", {"Accept": "image/png"}, **good), 406)
    assert "www-authenticate" in day.client.get("/v1/merchants/m/metrics").headers
    anyone = day.token("x", Scope.INSIGHTS_READ_ANY)
    check_problem(day.get(f"/v1/merchants/{'x' * 65}/metrics", anyone, **good), 404)


def test_an_encoded_name_asks_for_the_same_release(day: Any) -> None:
    def asked(pointer: str) -> Any:
        query = f"metrics=orders&from=2026-11-16&to=2026-11-17&{pointer}"
        return day.client.get(f"/v1/merchants/m/metrics?{query}", headers=day.token("m", Scope.INSIGHTS_READ))

    assert asked("rele%61se=1").json()["receipt"]["release"] == 1
    assert asked("rele%61se=1").content == asked("release=1").content
    check_problem(asked("as%5Fknown%5Fat=2000-01-01T00:00:00Z"), 404)
    check_problem(asked("as%5Fknown%5Fat=garbage"), 400)
    check_problem(asked("release=1&rele%61se=2"), 400)


def test_nothing_has_been_released(service: Any) -> None:
    check_problem(service.get("/v1/merchants/m/metrics", metrics="orders", **DAY), 404)
    check_problem(service.get("/v1/merchants/m/metrics", metrics="gold"), 404)
    assert service.get("/v1/releases").json() == {"releases": [], "next": None}
    assert service.get("/v1/status").json()["current_release"] is None


def test_the_log_cannot_be_read(service: Any, warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded is served on; a question about an instant after the last look is put off, not guessed."""
    warehouse.publish(1, None)
    service.wait_for(1)
    asked = {"metrics": "orders", **DAY}
    now = datetime.now(UTC)
    assert service.get("/v1/merchants/m/metrics", as_known_at=now.isoformat(), **asked).status_code == 200

    def refuse(self: object) -> None:
        raise NotReadyError("HDFS is away")

    monkeypatch.setattr(ReleaseLog, "refresh", refuse)
    monkeypatch.setattr("api.serving.release_views.WAIT_LIMIT", timedelta(seconds=0.3))
    late = service.get("/v1/merchants/m/metrics", as_known_at=datetime.now(UTC).isoformat(), **asked)
    check_problem(late, 503)
    assert late.headers["retry-after"].isdigit()
    assert service.get("/v1/merchants/m/metrics", **asked).status_code == 200
    assert service.get("/v1/merchants/m/metrics", as_known_at=now.isoformat(), **asked).status_code == 200


def test_beyond_retention(warehouse: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is gone a day after its successor came; the current one stays, however old."""
    for _ in range(3):
        warehouse.publish(1, None)
    service.wait_for(3)
    stamps = [warehouse.log.get(number).released_at for number in (1, 2, 3)]
    asked = {"metrics": "orders", **DAY}
    monkeypatch.setattr("api.serving.release_views.now", lambda: stamps[2] + timedelta(hours=23))
    assert service.get("/v1/merchants/m/metrics", release=1, **asked).status_code == 200
    monkeypatch.setattr("api.serving.release_views.now", lambda: stamps[2] + timedelta(days=2))
    check_problem(service.get("/v1/merchants/m/metrics", release=1, **asked), 410)
    check_problem(service.get("/v1/merchants/m/metrics", as_known_at=stamps[1].isoformat(), **asked), 410)
    assert service.get("/v1/merchants/m/metrics", as_known_at=stamps[2].isoformat(), **asked).status_code == 200
