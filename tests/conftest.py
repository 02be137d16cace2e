"""Fixtures for all tests: ``servers`` (Kafka, HDFS, Trino) and ``stack`` (these, and all services), once a session.

Tests that need neither come first, then those of the servers, then those of the whole stack, then those that start one
of their own: by then the shared one has been stopped, for its services never rest.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from compose.local.stack import SERVERS
from tests import embedded_stack
from tests.embedded_stack import EmbeddedStack

SHARED = pytest.StashKey[EmbeddedStack]()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[EmbeddedStack]:
    """Kafka, HDFS and Trino, without our own services."""
    created = embedded_stack.create(tmp_path_factory.mktemp("lakehouse"))
    pytestconfig.stash[SHARED] = created
    try:
        embedded_stack.start(created, SERVERS)
        yield created
    finally:
        _stop_shared(pytestconfig)


@pytest.fixture(scope="session")
def stack(servers: EmbeddedStack) -> EmbeddedStack:
    """The whole stack."""
    embedded_stack.start(servers)
    return servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is not None and not _is_shared(nextitem):
        _stop_shared(item.config)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("stack") is None:
        return 0
    if not _is_shared(item):
        return 3
    return 2 if "stack" in _fixtures(item) else 1


def _is_shared(item: pytest.Item) -> bool:
    """Whether it uses the session's servers; a module may have a ``stack`` of its own."""
    return "servers" in _fixtures(item)


def _fixtures(item: pytest.Item) -> list[str]:
    """All that it depends on, directly or not."""
    return getattr(item, "fixturenames", [])


def _stop_shared(config: pytest.Config) -> None:
    shared = config.stash.get(SHARED, None)
    if shared is not None:
        del config.stash[SHARED]
        embedded_stack.stop(shared)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Show the servers' last words with a failed test that used them."""
    report: pytest.TestReport = yield
    running = getattr(item, "funcargs", {}).get("servers") or getattr(item, "funcargs", {}).get("stack")
    if report.failed and running is not None:
        report.sections.append(("logs of the embedded stack", running.log_tails()))
    return report
