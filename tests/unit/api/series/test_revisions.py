"""What ``/revisions`` tells of releases that are beyond retention. A body does not move with the clock as long as the
rows of its releases can be read, and a later value is never called the first final one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from deltalake import DeltaTable

from api.http.query import read_revisions_query
from api.series.revisions import revisions_answer
from api.serving.gold_files import GoldFiles
from api.serving.release_views import ReleaseViews
from api.serving.standby_candidates import StandbyCandidates
from api.serving.table_cache import TableCache
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.releases.log import ReleaseLog
from tests.support.gold_warehouse import GoldWarehouse, sale, view

DAY = timedelta(days=1)
"""The retention."""
ASKED = {"metric": "orders", "start": "2026-11-16T10:00:00Z"}
REVISIONS = "/v1/merchants/m/revisions"
Told = list[tuple[int, int, str]]
"""Value, release, reason."""


def write(warehouse: GoldWarehouse, orders: int, snapshot: int, version: int = 1) -> None:
    warehouse.write("merchant_sales", [sale("10:00", orders=orders)], snapshot, version)
    warehouse.write("merchant_traffic", [view("10:00", 1)], snapshot, version)


@pytest.fixture
def changed(warehouse: GoldWarehouse) -> GoldWarehouse:
    """Three releases of gold version 1; the second has changed a final number from 4 to 5."""
    write(warehouse, 4, snapshot=1)
    warehouse.publish(1, "2026-11-16T12:00:00Z", kind="cycle")
    write(warehouse, 5, snapshot=2)
    warehouse.publish(2, "2026-11-16T12:00:00Z")
    write(warehouse, 5, snapshot=3)
    warehouse.publish(3, "2026-11-16T12:00:00Z")
    return warehouse


@pytest.fixture
def promoted(changed: GoldWarehouse) -> GoldWarehouse:
    """And a fourth, of gold version 2."""
    write(changed, 7, snapshot=1, version=2)
    changed.publish(1, "2026-11-16T12:00:00Z", version=2, kind="promote")
    return changed


def beyond_retention(warehouse: GoldWarehouse, release: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock moves to when this release, and all before it, are no longer kept."""
    gone: datetime = warehouse.log.get(ReleaseNumber(release + 1)).released_at + DAY
    monkeypatch.setattr("api.serving.release_views.now", lambda: gone + timedelta(microseconds=1))


def told(warehouse: GoldWarehouse) -> Told:
    """By a process that has just started."""
    files, layout = warehouse.files, warehouse.layout
    cache, candidates = TableCache(GoldFiles(files, f"file://{warehouse.folder}")), StandbyCandidates(files, layout)
    views = ReleaseViews(ReleaseLog(files, layout), cache, candidates, DAY, timedelta(seconds=1))
    query = read_revisions_query(b"metric=orders&start=2026-11-16T10:00:00Z")

    async def ask() -> Any:
        await views.poll()
        assert views.current is not None
        with ThreadPoolExecutor(1) as threads:
            return await revisions_answer(views, views.current, "m", query, threads)

    return [(one.value, one.release, one.reason) for one in asyncio.run(ask()).revisions]


def test_a_body_does_not_move_with_the_clock(
    changed: GoldWarehouse, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.wait_for(3)
    before = service.get(REVISIONS, **ASKED)
    assert [(one["value"], one["reason"]) for one in before.json()["revisions"]] == [
        (4, "first_final"),
        (5, "late_events"),
    ]
    known_at = before.json()["receipt"]["known_at"]
    for release in (1, 2):
        beyond_retention(changed, release, monkeypatch)
        assert service.get("/v1/merchants/m/metrics", metrics="orders", release=1).status_code == 410
        after = service.get(REVISIONS, **ASKED)
        assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
        assert service.get(REVISIONS, **ASKED, as_known_at=known_at).content == before.content
        assert service.get(REVISIONS, {"If-None-Match": before.headers["etag"]}, **ASKED).status_code == 304


def test_states_that_were_vacuumed_are_read_from_a_later_one(
    promoted: GoldWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gold version 1 is not in memory, and of its Delta versions only the last can be read."""
    for name in ("merchant_sales", "merchant_traffic"):
        table = DeltaTable(promoted.table(1, name))
        table.optimize.compact()
        promoted.touch(name)
    promoted.publish(3, "2026-11-16T12:00:00Z", kind="rollback")
    promoted.publish(1, "2026-11-16T12:00:00Z", version=2, kind="promote")
    for name in ("merchant_sales", "merchant_traffic"):
        removed = DeltaTable(promoted.table(1, name)).vacuum(0, dry_run=False, enforce_retention_duration=False)
        assert len(removed) == 3
    beyond_retention(promoted, 4, monkeypatch)
    assert told(promoted) == [
        (4, 1, "first_final"),
        (5, 2, "late_events"),
        (7, 4, "new_definition"),
        (5, 5, "rollback"),
        (7, 6, "new_definition"),
    ]


def test_rows_that_the_last_release_of_a_version_does_not_show(
    changed: GoldWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ``rollback --exact`` the release that is kept names an older Delta version than those that are not."""
    first = changed.log.get(ReleaseNumber(1)).release
    changed.publish(1, "2026-11-16T12:00:00Z", kind="rollback", tables=first.tables)
    beyond_retention(changed, 3, monkeypatch)
    assert told(changed) == [(4, 1, "first_final"), (5, 2, "late_events"), (4, 4, "rollback")]


def test_without_the_first_final_value_no_other_is_called_so(
    promoted: GoldWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond_retention(promoted, 2, monkeypatch)
    assert told(promoted) == [(4, 1, "first_final"), (5, 2, "late_events"), (7, 4, "new_definition")]
    beyond_retention(promoted, 3, monkeypatch)
    assert told(promoted) == [(7, 4, "oldest_kept")]


def test_the_values_of_a_dropped_version_are_left_out(promoted: GoldWarehouse) -> None:
    promoted.drop(1)
    assert told(promoted) == [(7, 4, "oldest_kept")]
