"""The health of a service, over a real socket."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from lakehouse.http.health import Health, serve


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(timedelta(seconds=30), clock)


@pytest.fixture
def url(health: Health) -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("rounds", "Rounds.", registry=registry).inc(3)
    listening = serve("streaming", health, "127.0.0.1", 0, registry)
    yield f"http://127.0.0.1:{listening.port}"
    listening.close()


def test_a_starting_service_is_healthy_and_not_ready(url: str) -> None:
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 503


def test_a_beat_makes_it_ready_and_silence_makes_it_ill(url: str, health: Health, clock: Clock) -> None:
    health.beat("batch 7")
    assert httpx.get(f"{url}/readyz").json()["state"] == "batch 7"
    clock.now += 31
    answer = httpx.get(f"{url}/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "no progress for 31 s (limit 30 s)"
    health.beat("batch 8")
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_failure_is_named_until_the_next_beat(url: str, health: Health) -> None:
    health.fail("HDFS does not answer")
    assert httpx.get(f"{url}/healthz").json()["reason"] == "HDFS does not answer"
    health.beat("batch 1", ready=False)
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 503


def test_metrics_and_unknown_paths(url: str) -> None:
    assert "rounds_total 3.0" in httpx.get(f"{url}/metrics").text
    assert httpx.get(f"{url}/nothing").status_code == 404
