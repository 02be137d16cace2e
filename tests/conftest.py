"""Stacks that tests share, each started once a session.

``servers`` are Kafka, HDFS and Trino; ``stack`` is these and all services; ``lake`` is HDFS and Trino with an empty
warehouse for each module. Tests that need none come first, and a stack is stopped once nobody needs it any more: its
services never rest, and others would run beside them.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings

from compose.local.stack import SERVERS
from tests.support import embedded_stack
from tests.support.embedded_stack import EmbeddedStack

# A test's JVMs live for minutes and meet little data: the second compiler costs more than it gives (a Spark session of
# 3 small commits: 23 s of CPU without it, 42 with it; of 30: 50 and 73). The supervisor passes this on to the servers.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

# How long an example takes says what else the machine does, and nothing about the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

STARTED = pytest.StashKey[dict[str, EmbeddedStack]]()
"""By the name of the fixture that has started it."""


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[EmbeddedStack]:
    """Kafka, HDFS and Trino, without our own services."""
    yield from _started("servers", SERVERS, tmp_path_factory, pytestconfig)


@pytest.fixture(scope="session")
def stack(servers: EmbeddedStack) -> EmbeddedStack:
    """The whole stack."""
    embedded_stack.start(servers)
    return servers


@pytest.fixture(scope="session")
def hdfs_and_trino(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[EmbeddedStack]:
    yield from _started("hdfs_and_trino", ("hdfs", "trino"), tmp_path_factory, pytestconfig)


@pytest.fixture(scope="module")
def lake(hdfs_and_trino: EmbeddedStack) -> Iterator[EmbeddedStack]:
    """HDFS and Trino with nothing in the warehouse, and no services: the module says what arrives, and when a cycle
    runs."""
    yield replace(hdfs_and_trino, environment=dict(hdfs_and_trino.environment))
    embedded_stack.empty(hdfs_and_trino)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    needed = _fixtures(nextitem) if nextitem is not None else []
    for name in item.config.stash.get(STARTED, {}).keys() - set(needed):
        _stop(item.config, name)


def _turn(item: pytest.Item) -> int:
    needed = _fixtures(item)
    if item.get_closest_marker("stack") is None:
        return 0
    if "servers" in needed:
        return 2 if "stack" in needed else 1
    return 3 if "lake" in needed else 4


def _fixtures(item: pytest.Item) -> list[str]:
    """All that it depends on, directly or not."""
    return getattr(item, "fixturenames", [])


def _started(
    name: str, only: tuple[str, ...], folders: pytest.TempPathFactory, config: pytest.Config
) -> Iterator[EmbeddedStack]:
    created = embedded_stack.create(folders.mktemp(name))
    config.stash.setdefault(STARTED, {})[name] = created
    try:
        embedded_stack.start(created, only)
        yield created
    finally:
        _stop(config, name)


def _stop(config: pytest.Config, name: str) -> None:
    started = config.stash[STARTED].pop(name, None)
    if started is not None:
        (embedded_stack.stop if name == "servers" else embedded_stack.discard)(started)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the servers' last words with a failed test that used them."""
    report = yield
    used = getattr(item, "funcargs", {})
    running = next((used[name] for name in ("servers", "stack", "lake") if used.get(name)), None)
    if report.failed and running is not None:
        report.sections.append(("logs of the embedded stack", running.log_tails()))
    return report
