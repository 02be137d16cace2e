"""The edge as a process of its own, stopped by SIGTERM: who is being answered is answered, and it ends soon."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingestion.content_headers import BATCH_TYPE
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.running_edge import event, free_port_base, settings_of
from tests.support.valid_events import encode

BODY = encode([event(n) for n in range(20)])
LONGEST = 20.0
"""Seconds from the signal to the end: ten for who is being answered, and some to deliver. Nothing is waiting here."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def edge(settings: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """With neither Kafka nor HDFS: its disk answers, and the next start delivers."""
    nowhere = f"127.0.0.1:{free_port_base()}"
    there = {"HOME": str(tmp_path), "PORT_BASE": str(settings.port_base), "AT__HDFS": nowhere, "AT__KAFKA": nowhere}
    environment = os.environ | {f"LAKEHOUSE_{name}": value for name, value in there.items()}
    with (tmp_path / "edge.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ingestion"], env=environment, stdout=log, stderr=log)
    try:
        await_ready(settings)
        yield process
    finally:
        process.kill()
        process.wait()


def await_ready(settings: Settings) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{settings.edge_url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the edge is not ready")


def begun(settings: Settings) -> socket.socket:
    """A request of which half has been sent."""
    token = issue(settings, "shop-1", [Scope.EVENTS_WRITE])
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {BATCH_TYPE}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    connection = socket.create_connection((settings.host, settings.ports.edge), timeout=LONGEST)
    connection.sendall(head.encode() + BODY[:100])
    return connection


def is_refused(settings: Settings) -> bool:
    """Refused, or 503: whoever asks now goes to another edge."""
    try:
        return httpx.get(f"{settings.edge_url}/readyz", trust_env=False).status_code == 503
    except httpx.TransportError:
        return True


def test_a_request_under_way_is_answered_and_new_ones_are_refused(
    edge: subprocess.Popen[bytes], settings: Settings
) -> None:
    idle = socket.create_connection((settings.host, settings.ports.edge), timeout=LONGEST)
    connection = begun(settings)
    time.sleep(0.3)
    signalled = time.monotonic()
    edge.send_signal(signal.SIGTERM)
    while not is_refused(settings):
        assert time.monotonic() < signalled + 5
    assert edge.poll() is None
    connection.sendall(BODY[100:])
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert b'"accepted":20' in answer
    assert idle.recv(1) == b""
    assert edge.wait(LONGEST) == -signal.SIGTERM
    assert time.monotonic() < signalled + LONGEST
    kept = b"".join(path.read_bytes() for path in (settings.home_path / "edge").glob("*/*/accepted/*.ndjson"))
    assert kept.count(b'"order.placed"') == 20
