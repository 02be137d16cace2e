"""The edge as a process of its own, stopped by SIGTERM: who is being answered is answered, and it ends soon."""

import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from ingestion.content_headers import BATCH_TYPE
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.edge_process import EdgeProcess
from tests.support.running_edge import event, free_port_base, settings_of
from tests.support.valid_events import encode

BODY = encode([event(n) for n in range(20)])
LONGEST = 20.0
"""Seconds from the signal to the end: ten for who is being answered, and some to deliver. Nothing is waiting here."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def edge(settings: Settings, tmp_path: Path) -> EdgeProcess:
    """With neither Kafka nor HDFS: its disk answers, and the next start delivers."""
    nowhere = f"127.0.0.1:{free_port_base()}"
    there = {"HOME": str(tmp_path), "PORT_BASE": str(settings.port_base), "AT__HDFS": nowhere, "AT__KAFKA": nowhere}
    environment = {f"LAKEHOUSE_{name}": value for name, value in there.items()}
    return EdgeProcess(environment, settings.edge_url, tmp_path / "edge.log")


def begun(settings: Settings) -> socket.socket:
    """A request of which half has been sent, after the edge has said that it reads it."""
    token = issue(settings, "shop-1", [Scope.EVENTS_WRITE])
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {BATCH_TYPE}\r\nContent-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
    )
    connection = socket.create_connection((settings.host, settings.ports.edge), timeout=LONGEST)
    connection.sendall(head.encode())
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(BODY[:100])
    return connection


def is_refused(edge: EdgeProcess) -> bool:
    """Refused, or 503: whoever asks now goes to another edge."""
    try:
        return edge.readiness() == 503
    except httpx.TransportError:
        return True


def test_a_request_under_way_is_answered_and_new_ones_are_refused(edge: EdgeProcess, settings: Settings) -> None:
    with edge.running() as process:
        idle = socket.create_connection((settings.host, settings.ports.edge), timeout=LONGEST)
        connection = begun(settings)
        signalled = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while not is_refused(edge):
            assert time.monotonic() < signalled + LONGEST
        assert process.poll() is None
        connection.sendall(BODY[100:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert b'"accepted":20' in answer
        assert idle.recv(1) == b""
        assert process.wait(LONGEST) == -signal.SIGTERM
        assert time.monotonic() < signalled + LONGEST
    kept = b"".join(path.read_bytes() for path in (settings.home_path / "edge").glob("*/*/accepted/*.ndjson"))
    assert kept.count(b'"order.placed"') == 20
