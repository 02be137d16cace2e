"""What surrounds the query: patience with a stack that starts, and the lag that operators see."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.http.health import Health
from streaming.kafka_to_bronze import retry_until_ready
from streaming.telemetry import lag


@dataclass
class Query:
    """As much of a streaming query as tells its progress."""

    lastProgress: dict[str, Any] | None = None


@dataclass
class Attempt:
    """Fails with each of these errors in turn, then works."""

    errors: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


def health() -> Health:
    return Health(timedelta(minutes=1))


def test_what_is_not_ready_is_tried_again_and_says_why_meanwhile() -> None:
    told, reasons = health(), []
    attempt = Attempt([NotReadyError("no HDFS"), NotReadyError("no HDFS"), NotReadyError("no Kafka")])

    def noting() -> None:
        reasons.append(told.report()["reason"])
        attempt()

    retry_until_ready(noting, told, threading.Event(), pause=0)
    assert reasons == [None, "no HDFS", "no HDFS", "no Kafka"]


def test_other_errors_are_not_tried_again() -> None:
    attempt = Attempt([LakehouseError("wrong")])
    with pytest.raises(LakehouseError):
        retry_until_ready(attempt, health(), threading.Event(), pause=0)
    assert attempt.calls == 1


def test_a_driver_told_to_stop_does_not_go_on_waiting() -> None:
    stop = threading.Event()
    stop.set()
    attempt = Attempt([NotReadyError("no HDFS")])
    retry_until_ready(attempt, health(), stop, pause=60)
    assert attempt.calls == 0


def test_lag_counts_what_kafka_had_and_the_trigger_did_not_take() -> None:
    source = {
        "endOffset": '{"events": {"0": 10, "1": 5}, "rejected": {"0": 1}}',
        "latestOffset": {"events": {"0": 12, "1": 5}, "rejected": {"0": 4}},
    }
    assert lag(Query({"sources": [source]})) == 5
    assert lag(Query()) == 0
    assert lag(Query({"sources": [{"endOffset": None, "latestOffset": None}]})) == 0
