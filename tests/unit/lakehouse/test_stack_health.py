"""Verdicts come in time, whatever the probes do."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from lakehouse import stack_health
from lakehouse.settings import Settings
from lakehouse.stack_health import Unhealthy, ask_all


def test_a_probe_that_hangs_holds_up_nobody() -> None:
    release, ended = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(60)
        ended.set()

    verdicts = ask_all({"works": lambda: None, "hangs": hang}, seconds=1)
    assert not ended.is_set()
    release.set()
    assert verdicts["works"] == ""
    assert "no answer" in verdicts["hangs"]


def test_reasons_are_told() -> None:
    def refuse() -> None:
        raise Unhealthy("no DataNode is alive")

    def fail() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    verdicts = ask_all({"refuses": refuse, "fails": fail})
    assert verdicts == {"refuses": "no DataNode is alive", "fails": "does not answer (Connection refused)"}


@pytest.fixture
def unready_edge() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_service_that_answers_503_is_not_healthy(unready_edge: int) -> None:
    settings = Settings(port_base=unready_edge)
    (verdict,) = stack_health.check(settings, ["edge"])
    assert not verdict.healthy
    assert verdict.reason == "answers 503"


def test_all_services_are_named_in_path_order() -> None:
    assert list(stack_health.probes(Settings())) == [
        "edge",
        "kafka",
        "hdfs",
        "streaming",
        "trino",
        "transform",
        "insights",
    ]
