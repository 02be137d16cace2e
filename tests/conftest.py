"""Fixtures for all tests: ``servers`` (Kafka, HDFS, Trino) and ``stack`` (these, and all services), once a session."""

from collections.abc import Iterator
from typing import Any

import pytest

from compose.local.stack import SERVERS
from tests import embedded_stack
from tests.embedded_stack import EmbeddedStack


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Kafka, HDFS and Trino, without our own services."""
    created = embedded_stack.create(tmp_path_factory.mktemp("lakehouse"))
    try:
        embedded_stack.start(created, SERVERS)
        yield created
    finally:
        embedded_stack.stop(created)


@pytest.fixture(scope="session")
def stack(servers: EmbeddedStack) -> EmbeddedStack:
    """The whole stack."""
    embedded_stack.start(servers)
    return servers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Show the servers' last words with a failed test that used them."""
    report: pytest.TestReport = yield
    running = getattr(item, "funcargs", {}).get("servers") or getattr(item, "funcargs", {}).get("stack")
    if report.failed and running is not None:
        report.sections.append(("logs of the embedded stack", running.log_tails()))
    return report
