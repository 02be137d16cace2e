"""What was known when, in SQL, on the real Trino: every release can be asked for again, and what changed is a row."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.clients.trino import timestamp_literal
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.metrics import METRICS
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, GOLD_TABLES, RELEASE_LOG_COLUMNS
from lakehouse.releases import restated
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import Release
from lakehouse.transform.history import by_release, restatements
from tests.integration import naive_restatements
from tests.integration.told_warehouse import Told
from tests.support.bronze_rows import START, chunks, random_rows, write
from tests.support.embedded_stack import EmbeddedStack
from tests.support.insights_service import served_from_hdfs

pytestmark = pytest.mark.stack

STEPS = 3
NOON = timedelta(hours=12, minutes=25)
REACHED = [timedelta(days=2), timedelta(days=25) + NOON, timedelta(days=60) + NOON]
"""How far the edge's marks are after each step: what comes later for the days before is a restatement."""


@pytest.fixture(scope="module")
def told(lake: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Cycles with late rows, an import of history, a promote, a rollback, and one to a release's own snapshot."""
    changes = {"max_rows_per_cycle": 1, "edge_silent_after": timedelta(days=36500)}
    settings = lake.settings.model_copy(update={"transform": lake.settings.transform.model_copy(update=changes)})
    rows = random_rows(seed=20261124, count=400)
    imported = [replace(row, merchant_id="shop-c", seq=row.seq + 10_000) for row in random_rows(seed=4, count=500)]
    late = [replace(row, seq=row.seq + 20_000) for row in random_rows(seed=5, count=30)]
    layout = Layout(settings.warehouse)
    write(f"{settings.hdfs_url}{layout.quarantine(FIRST_GENERATION)}", [[]], START)
    told = Told(settings, tmp_path_factory.mktemp("definitions"), {})
    for some, reached in zip(chunks(rows, STEPS), REACHED, strict=True):
        told.arrive(some, reached)
    told.arrive([], REACHED[-1] + timedelta(hours=1))
    told.arrive(imported, REACHED[-1] + timedelta(hours=2))
    wrong = told.build_another()
    told.publish(wrong, "promote")
    told.publish(1, "rollback")
    told.arrive(late, REACHED[-1] + timedelta(hours=3))
    told.publish(1, "rollback", snapshot=2)
    told.publish(1, "rollback")
    return told


def test_every_release_shows_again_what_it_showed(told: Told) -> None:
    releases = told.log.refresh()
    assert len(told.shown) == len(releases) == 10
    for table in GOLD_TABLES:
        columns = ", ".join((*GOLD_KEYS[table], *GOLD_MEASURES[table], "slot_month", "release"))
        for one in releases:
            query = f"SELECT {columns} FROM gold.{table}_by_release WHERE release = {one.number}"
            assert sorted(told.trino.query(query), key=str) == told.shown[one.number][table], one.release
            instant = timestamp_literal(one.released_at)
            then = (
                f"SELECT {columns} FROM gold.{table}_by_release "
                f"WHERE released_at <= {instant} AND (superseded_at > {instant} OR superseded_at IS NULL)"
            )
            assert sorted(told.trino.query(then), key=str) == told.shown[one.number][table]


def test_one_number_through_all_releases(told: Told) -> None:
    """Without a filter on releases, the whole history of a merchant's month."""
    query = (
        "SELECT release, sum(gross_sales) AS total FROM gold.merchant_sales_by_release "
        "WHERE merchant_id = 'shop-a' GROUP BY release"
    )
    found = {row["release"]: int(row["total"]) for row in told.trino.query(query)}
    assert found == {
        number: sum(int(row["gross_sales"]) for row in shown["merchant_sales"] if row["merchant_id"] == "shop-a")
        for number, shown in told.shown.items()
    }


def test_asking_for_a_release_reads_the_history_once(told: Told) -> None:
    """The releases are the small side of the join, filtered before it."""
    [row] = told.trino.query("EXPLAIN SELECT * FROM gold.merchant_sales_by_release WHERE release = 3")
    plan = str(row["Query Plan"])
    for version in (1, 2):
        assert plan.count(f"gold_v{version}.merchant_sales") == 1 or plan.count(f"gold_v{version}:merchant_sales") == 1


def test_the_log_of_releases_is_complete_and_repeating_changes_nothing(told: Told) -> None:
    assert by_release.record(told.trino, told.log.refresh()) == 0
    rows = told.trino.query("SELECT * FROM ops.releases ORDER BY release")
    releases = told.log.refresh()
    assert [row["release"] for row in rows] == [one.number for one in releases]
    assert [row["released_at"] for row in rows] == [one.released_at for one in releases]
    assert [row["superseded_at"] for row in rows] == [*(one.released_at for one in releases[1:]), None]
    assert [(row["kind"], row["gold_version"], row["snapshot"]) for row in rows] == [
        (one.release.kind, one.release.gold_version, one.release.snapshot) for one in releases
    ]
    promoted = next(row for row in rows if row["kind"] == "promote")
    assert (promoted["actor"], promoted["reason"]) == ("o'hara", "it's wrong")


def test_two_writers_of_the_log_are_shown_once(told: Told) -> None:
    told.trino.query("INSERT INTO ops.release_log SELECT * FROM ops.release_log WHERE release > 5")
    found = told.trino.query("SELECT count(*) AS rows, count(DISTINCT release) AS releases FROM ops.releases")
    assert found == [{"rows": 10, "releases": 10}]


def test_a_log_with_its_former_columns_goes_on_with_those_of_today(told: Told) -> None:
    """A warehouse of version 0.1.0: the kind in ``reason``, the operator's text in ``why``."""
    before = told.trino.query("SELECT * FROM ops.releases ORDER BY release")
    former = {"kind": "if(release = 1, 'first', kind) AS reason", "reason": "reason AS why"}
    columns = ", ".join(former.get(name, name) for name in RELEASE_LOG_COLUMNS)
    told.trino.query(f"CREATE OR REPLACE TABLE ops.release_log AS SELECT {columns} FROM ops.release_log")
    by_release.prepare(told.trino)
    assert told.trino.query("SELECT * FROM ops.releases ORDER BY release") == before
    assert by_release.record(told.trino, told.log.refresh()) == 0
    by_release.prepare(told.trino)
    assert told.trino.query("SELECT * FROM ops.releases ORDER BY release") == before


def naive(told: Told) -> dict[Any, tuple[int, int, int]]:
    return naive_restatements.restatements(
        [
            naive_restatements.Release(
                one.number,
                restated.REASONS[one.release.kind],
                _instant(one.release),
                told.shown[one.number],
            )
            for one in told.log.refresh()
        ]
    )


def _instant(release: Release) -> datetime | None:
    through = release.complete_through
    return None if through is None else datetime.fromtimestamp(through / 1_000_000, UTC)


def stored(told: Told) -> dict[Any, tuple[int, int, int]]:
    rows = told.trino.query("SELECT * FROM ops.restatements")
    assert all(row["new_value"] - row["old_value"] == row["change"] for row in rows)
    found = {
        (
            row["release"],
            row["reason"],
            row["metric"],
            row["merchant_id"],
            row["currency"],
            row["grain"],
            row["start"],
        ): (row["hours"], int(row["old_value"]), int(row["new_value"]))
        for row in rows
    }
    assert len(found) == len(rows), "a key has two rows"
    return found


def test_restatements_are_the_naive_difference(told: Told) -> None:
    newest = len(told.shown)
    assert restatements.update(told.trino, told.files, told.layout, told.log, timedelta(minutes=5)) == newest
    expected = naive(told)
    assert stored(told) == expected
    reasons = {(key[1], key[5]) for key in expected}
    assert {reason for reason, _ in reasons} == {"late_events", "new_definition", "rollback"}
    assert {grain for _, grain in reasons} == {"hour", "day"}
    assert restated.restated_through(told.files, told.layout) == newest


@pytest.fixture
def api(told: Told, tmp_path: Path) -> Iterator[httpx.Client]:
    """The insights API over that warehouse, and a reader of all merchants."""
    with served_from_hdfs(told.settings.model_copy(update={"home": tmp_path})) as client:
        yield client


def test_the_feed_is_the_table(told: Told, api: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    newest = len(told.shown)
    while (answer := api.get("/v1/merchants/shop-a/restatements", params={"release": newest})).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    fed: dict[Any, tuple[int, int, int]] = {}
    for merchant in ("shop-a", "shop-b", "shop-c"):
        for entry in _all_pages(api, f"/v1/merchants/{merchant}/restatements"):
            metric = METRICS[entry["metric"]]
            currency = (entry["currency"] or "") if metric.by_currency else None
            start = datetime.fromisoformat(entry["start"])
            key = (entry["release"], entry["reason"], metric.name, merchant, currency, entry["grain"], start)
            fed[key] = (entry["hours"], entry["old_value"], entry["new_value"])
    assert fed == stored(told)


def _all_pages(api: httpx.Client, path: str) -> Iterator[Any]:
    params: dict[str, Any] = {"limit": 100}
    while True:
        body = api.get(path, params=params).json()
        yield from body["restatements"]
        if body["next"] is None:
            return
        params["after"] = body["next"]


def test_interrupted_after_each_part_and_repeated_it_is_the_same(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, a call for each, and all of it a second time over what the first has left."""
    expected = stored(told)
    monkeypatch.setattr("lakehouse.transform.history.restatement_sql.parts.__defaults__", (400,))
    told.files.delete(told.layout.restated)
    calls = 0
    while restatements.update(told.trino, told.files, told.layout, told.log, timedelta(0)) < len(told.shown):
        calls += 1
        assert calls < 500
        assert stored(told).items() <= expected.items(), "only whole releases are shown"
    assert calls > len(told.shown), "some release had several parts"
    assert stored(told) == expected
