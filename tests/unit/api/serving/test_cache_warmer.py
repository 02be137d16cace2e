"""What a promote or a rollback would show is in memory before it happens, within bounds."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.serving.cache_warmer import CacheWarmer
from api.serving.gold_files import GoldFiles
from api.serving.release_views import ReleaseViews
from api.serving.standby_candidates import StandbyCandidates, likeliest
from api.serving.table_cache import TableCache
from lakehouse.clients import insights
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.releases.log import ReleaseLog
from tests.support.gold_warehouse import GoldWarehouse

SALE = {"merchant_id": "m", "slot": "2026-11-16T10:00:00Z", "currency": "BRL", "orders": 1}
VIEW = {"merchant_id": "m", "slot": "2026-11-16T10:00:00Z", "page_views": 1}


class Counting(GoldFiles):
    """Notes which files are read, and stops readers of a folder until they may go on."""

    def __init__(self, warehouse: GoldWarehouse) -> None:
        super().__init__(warehouse.files, f"file://{warehouse.folder}")
        self.read: list[str] = []
        self.closed: dict[str, threading.Event] = {}

    def rows(self, folder: str, path: str, table: str) -> Any:
        if folder in self.closed:
            assert self.closed[folder].wait(20)
        self.read.append(f"{folder}/{path}")
        return super().rows(folder, path, table)


class Process:
    def __init__(self, warehouse: GoldWarehouse, limit: int = 3) -> None:
        files, layout = warehouse.files, warehouse.layout
        self.gold = Counting(warehouse)
        self.cache = TableCache(self.gold, kept=2)
        self.candidates = StandbyCandidates(files, layout)
        log, day = ReleaseLog(files, layout), timedelta(days=1)
        self.views = ReleaseViews(log, self.cache, self.candidates, day, timedelta(seconds=1))
        self.warmer = CacheWarmer(self.views, self.cache, self.candidates, limit, day)

    def poll(self) -> None:
        asyncio.run(self.views.poll())


def build(warehouse: GoldWarehouse, version: int, snapshots: int = 1) -> None:
    warehouse.add_version(version, planned=version > 1)
    for number in range(1, snapshots + 1):
        extend(warehouse, version, number)


def extend(warehouse: GoldWarehouse, version: int, number: int) -> None:
    warehouse.write("merchant_sales", [SALE], number, version)
    warehouse.write("merchant_traffic", [VIEW], number, version)
    warehouse.audit(version, number)


@pytest.fixture
def released(warehouse: GoldWarehouse) -> GoldWarehouse:
    """Version 1 is current."""
    build(warehouse, 1)
    warehouse.publish(1, None)
    return warehouse


def test_a_candidate_is_read_ahead_and_its_release_reads_nothing_but_what_came_since(released: GoldWarehouse) -> None:
    process = Process(released)
    process.poll()
    build(released, 2, snapshots=3)
    process.warmer.look()
    assert process.warmer.prepared == {1: 1, 2: 3}
    extend(released, 2, 4)
    before = len(process.gold.read)
    released.publish(4, None, version=2, kind="promote")
    process.poll()
    assert process.warmer.prepared[GoldVersionNumber(2)] == 4
    assert len(process.gold.read) - before == 2, "one new file of each table"
    extend(released, 1, 2)
    process.warmer.look()
    assert process.warmer.prepared == {1: 2, 2: 4}, "the former version is followed, for a rollback"
    assert len(process.gold.read) == len(set(process.gold.read))


def test_what_is_not_built_or_is_dropped_is_not_held(released: GoldWarehouse) -> None:
    process = Process(released)
    process.poll()
    released.add_version(2)
    process.warmer.look()
    released.write("merchant_sales", [SALE], 1, 2)
    released.audit(2, 1, built_before=5)
    process.warmer.look()
    assert process.warmer.prepared == {1: 1}
    extend(released, 2, 2)
    process.warmer.look()
    assert process.warmer.prepared == {1: 1, 2: 2}
    folder = released.location(2, "merchant_sales")
    assert process.cache.holds(folder)
    released.drop(2)
    process.warmer.look()
    assert process.warmer.prepared == {1: 1}
    assert not process.cache.holds(folder)


def test_a_table_that_versions_share_is_held_once(released: GoldWarehouse) -> None:
    process = Process(released)
    process.poll()
    released.add_version(2)
    released.write("merchant_sales", [SALE], 1, 2)
    shared = released.audit(2, 1)
    traffic = released.states(1)["gold.merchant_traffic"]
    tables = shared.tables | {"gold.merchant_traffic": traffic}
    released.versions[2, "merchant_traffic"] = traffic.delta_version
    released.location = (  # type: ignore[method-assign]
        lambda version, name: (
            traffic.location if name == "merchant_traffic" else GoldWarehouse.location(released, version, name)
        )
    )
    released.audit(2, 1)
    process.warmer.look()
    assert process.warmer.prepared == {1: 1, 2: 1}
    assert sum(traffic.location in path for path in process.gold.read) == 1
    released.publish(1, None, version=2, kind="promote", tables=tables)
    released.drop(1)
    process.poll()
    process.warmer.look()
    assert process.cache.holds(traffic.location), "still needed by version 2"


def test_no_more_than_the_setting_says(released: GoldWarehouse) -> None:
    for version in (2, 3, 4, 5):
        build(released, version)
    process = Process(released, limit=2)
    process.poll()
    process.warmer.look()
    assert process.warmer.prepared == {1: 1, 4: 1, 5: 1}
    for version in (2, 3):
        process.cache.load({"merchant_sales": released.states(version)["gold.merchant_sales"]})
        process.cache.load({"merchant_traffic": released.states(version)["gold.merchant_traffic"]})
    assert [process.cache.holds(released.location(v, "merchant_sales")) for v in (1, 2, 3, 4, 5)] == [
        True,
        False,
        True,
        True,
        True,
    ]


def test_the_newest_release_does_not_wait_for_old_ones(released: GoldWarehouse) -> None:
    """Two former versions are being loaded, and another is being loaded ahead, without an end; a cycle is shown."""
    for version in (2, 3, 4):
        build(released, version)
        released.publish(1, None, version=version, kind="promote")
    build(released, 5)
    process = Process(released)

    async def look() -> None:
        await process.views.poll()
        gates = {released.location(version, "merchant_sales"): threading.Event() for version in (1, 2, 3, 5)}
        process.gold.closed.update(gates)
        timeline = process.views.timeline
        waiting = [
            asyncio.create_task(process.views.view(timeline.numbered(ReleaseNumber(number)))) for number in (1, 2)
        ]
        warming = asyncio.get_running_loop().run_in_executor(None, process.warmer.look)
        try:
            extend(released, 4, 2)
            released.publish(2, None, version=4)
            await asyncio.wait_for(process.views.poll(), 10)
            assert process.views.current is not None
            assert process.views.current.published.number == 5
            assert not any(task.done() for task in waiting)
            assert not warming.done()
        finally:
            for gate in gates.values():
                gate.set()
        await asyncio.gather(*waiting, warming)

    asyncio.run(look())


def test_a_release_of_a_dropped_version_is_gone(released: GoldWarehouse) -> None:
    build(released, 2)
    released.publish(1, None, version=2, kind="promote")
    process, fresh = Process(released), Process(released)
    process.poll()
    process.warmer.look()
    released.drop(1)
    process.warmer.look()
    fresh.poll()
    for one in (process, fresh):
        with pytest.raises(ProblemError) as caught:
            asyncio.run(one.views.view(one.views.timeline.numbered(ReleaseNumber(1))))
        assert caught.value.kind is Kind.BEYOND_RETENTION


def test_operators_are_told(released: GoldWarehouse, service: Any) -> None:
    build(released, 2, snapshots=2)
    url = str(service.client.base_url)
    service.wait_for(1)
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while insights.prepared(url) != {1: 1, 2: 2}:
        assert datetime.now(UTC) < deadline, insights.prepared(url)
    assert insights.prepared("http://127.0.0.1:9") is None


INSTANT = datetime(2026, 11, 16, tzinfo=UTC)


numbers = st.integers(1, 9).map(GoldVersionNumber)


@given(
    st.sets(numbers),
    st.dictionaries(numbers, st.integers(0, 20).map(lambda day: INSTANT + timedelta(days=day))),
    st.none() | numbers,
    st.integers(0, 5),
)
def test_the_likeliest_come_first(
    built: set[GoldVersionNumber],
    until: dict[GoldVersionNumber, datetime],
    previous: GoldVersionNumber | None,
    limit: int,
) -> None:
    since = INSTANT + timedelta(days=10)
    found = likeliest(built, until, previous, since, limit)
    possible = {version for version in built if until.get(version, since) >= since}
    assert len(found) == len(set(found)) == min(limit, len(possible))
    assert set(found) <= possible
    if limit and previous in possible and previous in until:
        assert found[0] == previous
    rest = [version for version in found if version != previous or version not in until]
    assert rest == sorted(rest, key=lambda v: (v in until, -until[v].timestamp() if v in until else -v))


def test_what_is_shown_is_kept_before_the_next_look(released: GoldWarehouse) -> None:
    """Old versions that readers ask for push each other out, never the current one."""
    for version in (2, 3, 4):
        build(released, version)
    process = Process(released)
    process.poll()
    for version in (2, 3, 4):
        for table in ("merchant_sales", "merchant_traffic"):
            process.cache.load({table: released.states(version)[f"gold.{table}"]})
    assert process.cache.holds(released.location(1, "merchant_sales"))
    assert not process.cache.holds(released.location(2, "merchant_sales"))
