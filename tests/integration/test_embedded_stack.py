"""The embedded stack as an operator meets it: up, down and status from outside, through the real command."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from compose.local import processes, supervisor
from compose.local.stack import SERVERS
from lakehouse import stack_health
from tests.support import embedded_stack
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack
PROGRAMS = ("kafka", "namenode", "datanode", "trino")
SERVICES = ["edge", "kafka", "hdfs", "streaming", "trino", "transform", "insights"]


@pytest.fixture
def other(tmp_path: Path) -> EmbeddedStack:
    """A second stack that has not been started."""
    return embedded_stack.create(tmp_path / "home")


def test_status_of_a_stack_that_is_down_is_an_answer_within_five_seconds(other: EmbeddedStack) -> None:
    start = time.monotonic()
    result = other.run("status", "--format", "json")
    assert time.monotonic() - start < 5
    assert result.returncode == 0
    report = json.loads(result.stdout)
    assert [service["name"] for service in report["services"]] == SERVICES
    assert not any(service["healthy"] for service in report["services"])
    assert report["current_release"] is report["complete_through"] is report["freshness_seconds"] is None


def test_status_tells_what_works(servers: EmbeddedStack) -> None:
    report = json.loads(servers.run("status", "--format", "json").stdout)
    healthy = {service["name"] for service in report["services"] if service["healthy"]}
    assert set(SERVERS) <= healthy
    assert all(set(service) == {"name", "url", "healthy"} for service in report["services"])


def test_up_where_it_is_up_changes_nothing(servers: EmbeddedStack) -> None:
    before = [servers.pid(program) for program in PROGRAMS]
    embedded_stack.start(servers, SERVERS)
    assert [servers.pid(program) for program in PROGRAMS] == before


def test_what_dies_is_started_again(servers: EmbeddedStack) -> None:
    """HDFS as a whole; what kills another server, or a service of ours, looks at more than that it comes back."""
    old = {program: servers.kill(program) for program in ("namenode", "datanode")}
    for program, pid in old.items():
        servers.await_restart(program, pid)
    servers.await_healthy(*SERVERS)


def test_a_second_stack_beside_the_first_and_down_leaves_nothing(servers: EmbeddedStack, other: EmbeddedStack) -> None:
    embedded_stack.start(other, ["kafka"])
    assert [each.name for each in stack_health.check(other.settings, ["kafka"]) if each.healthy] == ["kafka"]
    assert other.run("down").returncode == 0
    assert processes.of_stack(other.settings.home_path) == []
    assert other.run("down").returncode == 0
    assert [each.name for each in stack_health.check(servers.settings, ["kafka"]) if each.healthy] == ["kafka"]


def test_down_ends_what_a_killed_supervisor_left(other: EmbeddedStack) -> None:
    embedded_stack.start(other, ["kafka"])
    access = supervisor.access(other.layout)
    assert access is not None
    os.kill(access.pid, signal.SIGKILL)
    assert other.run("down").returncode == 0
    assert processes.of_stack(other.settings.home_path) == []


def test_a_port_that_is_taken_is_named_with_the_variable_that_moves_it(
    servers: EmbeddedStack, other: EmbeddedStack
) -> None:
    environment = {**other.environment, "LAKEHOUSE_PORT_BASE": str(servers.settings.port_base)}
    intruder = EmbeddedStack(other.settings, environment, other.lakehouse)
    result = intruder.run("up", "--only", "kafka")
    assert result.returncode == 1
    assert "LAKEHOUSE_PORT_BASE" in result.stderr
    assert processes.of_stack(other.settings.home_path) == []
