"""The feed of restatements over HTTP, on a log written with delta-rs."""

import csv
import io
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.model import TableState
from lakehouse.releases.restated import Restated
from lakehouse.tokens import Scope

FEED = "/v1/merchants/m/restatements"
FOLDER = "/lakehouse/schemas/ops/restatement_log-0a1b"
Row = tuple[int, str, str, str | None, str, str, int, int, int]
"""Release, merchant, metric, currency, grain, start, hours, old and new value."""


def append(root: Path, rows: list[Row]) -> TableState:
    names = ("release", "merchant_id", "metric", "currency", "grain", "start", "hours", "old_value", "new_value")
    kinds = {"release": pa.int64(), "hours": pa.int64(), "start": pa.timestamp("us", "UTC")}
    kinds |= {"old_value": pa.decimal128(38, 0), "new_value": pa.decimal128(38, 0)}
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    columns["start"] = [pa.scalar(text).cast(pa.timestamp("us", "UTC")).as_py() for text in columns["start"]]
    columns |= {name: [Decimal(value) for value in columns[name]] for name in ("old_value", "new_value")}
    table = pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()})
    write_deltalake(f"{root}{FOLDER}", table, mode="append")
    return TableState("ops", FOLDER, DeltaTable(f"{root}{FOLDER}").version())


def complete(files: LocalFiles, through: int, log: TableState) -> None:
    files.write(Layout("/lakehouse").restated, msgspec.json.encode(Restated(ReleaseNumber(through), log)))


FIRST: list[Row] = [
    (2, "m", "orders", "BRL", "hour", "2026-11-16T10:00:00Z", 1, 4, 5),
    (2, "m", "gross_sales", "BRL", "hour", "2026-11-16T10:00:00Z", 1, 1005, 1035),
    (2, "m", "orders_cancelled", "", "hour", "2026-11-16T11:00:00Z", 1, 0, 1),
    (2, "m", "page_views", None, "hour", "2026-11-15T10:00:00Z", 1, 7, 8),
    (2, "other", "orders", "EUR", "hour", "2026-11-16T10:00:00Z", 1, 9, 1),
    (3, "m", "gross_sales", "KWD", "day", "2026-11-14T00:00:00Z", 7, 10**37, 2 * 10**37),
]


@pytest.fixture
def feed(warehouse: Any, service: Any) -> Any:
    """Three releases, all complete; release 2 was a cycle, release 3 a promote."""
    warehouse.publish(1, "2026-11-16T11:00:00Z")
    warehouse.publish(2, "2026-11-16T12:00:00Z")
    warehouse.publish(3, "2026-11-16T12:00:00Z", kind="promote")
    complete(warehouse.files, 3, append(warehouse.folder, [*FIRST, *FIRST[:1]]))
    service.wait_for(3)
    _await(service, 3)
    return service


def _await(service: Any, release: int) -> None:
    deadline = time.monotonic() + 20
    while (answer := service.get(FEED)).status_code == 503 or answer.json()["receipt"]["release"] < release:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def test_each_change_is_an_entry_and_each_only_once(feed: Any) -> None:
    body = feed.get(FEED).json()
    assert body["receipt"]["release"] == 3
    assert body["next"] is None
    shown = [(r["release"], r["metric"], r["currency"], r["old_value"], r["new_value"]) for r in body["restatements"]]
    assert shown == [
        (2, "page_views", None, 7, 8),
        (2, "gross_sales", "BRL", 1005, 1035),
        (2, "orders", "BRL", 4, 5),
        (2, "orders_cancelled", None, 0, 1),
        (3, "gross_sales", "KWD", 10**37, 2 * 10**37),
    ]
    day = body["restatements"][-1]
    assert (day["grain"], day["start"], day["hours"]) == ("day", "2026-11-14T00:00:00Z", 7)
    assert (day["reason"], day["unit"], day["exponent"], day["change"]) == ("new_definition", "money", 3, 10**37)
    assert {r["reason"] for r in body["restatements"][:-1]} == {"late_events"}


def test_the_pages_together_are_the_whole(feed: Any) -> None:
    whole = feed.get(FEED).json()["restatements"]
    for limit in (1, 2, 3):
        found, after = [], None
        while True:
            page = feed.get(FEED, limit=limit, **({"after": after} if after else {})).json()
            assert len(page["restatements"]) <= limit
            found += page["restatements"]
            if (after := page["next"]) is None:
                break
        assert found == whole


def test_a_client_that_keeps_the_release_of_the_receipt_misses_nothing(feed: Any, warehouse: Any) -> None:
    known = feed.get(FEED).json()["receipt"]["release"]
    warehouse.publish(4, "2026-11-16T13:00:00Z")
    feed.wait_for(4)
    assert feed.get(FEED).json()["receipt"]["release"] == 3, "the newest release that has been looked at"
    assert feed.get(FEED, release=4).status_code == 503
    row: Row = (4, "m", "units", "BRL", "hour", "2026-11-16T10:00:00Z", 1, 1, 2)
    complete(warehouse.files, 4, append(warehouse.folder, [row]))
    _await(feed, 4)
    news = feed.get(FEED, since_release=known).json()["restatements"]
    assert [(r["release"], r["metric"], r["change"]) for r in news] == [(4, "units", 1)]


def test_what_was_known_is_shown_again(feed: Any, warehouse: Any) -> None:
    before = feed.get(FEED)
    known_at = before.json()["receipt"]["known_at"]
    assert [r["release"] for r in feed.get(FEED, release=2).json()["restatements"]] == [2] * 4
    warehouse.publish(4, "2026-11-16T13:00:00Z")
    row: Row = (4, "m", "units", "BRL", "hour", "2026-11-16T10:00:00Z", 1, 1, 2)
    complete(warehouse.files, 4, append(warehouse.folder, [row]))
    _await(feed, 4)
    again = feed.get(FEED, as_known_at=known_at)
    assert again.content == before.content
    assert again.headers["etag"] == before.headers["etag"]
    assert feed.get(FEED, {"If-None-Match": before.headers["etag"]}, as_known_at=known_at).status_code == 304


def test_rows_of_a_release_that_is_not_complete_are_not_shown(feed: Any, warehouse: Any) -> None:
    row: Row = (4, "m", "units", "BRL", "hour", "2026-11-16T10:00:00Z", 1, 1, 2)
    warehouse.publish(4, "2026-11-16T13:00:00Z")
    state = append(warehouse.folder, [row])
    complete(warehouse.files, 3, state)
    feed.wait_for(4)
    _await(feed, 3)
    assert max(r["release"] for r in feed.get(FEED).json()["restatements"]) == 3


def test_buckets_and_metrics_can_be_chosen(feed: Any) -> None:
    def asked(**params: Any) -> list[str]:
        return [r["metric"] for r in feed.get(FEED, **params).json()["restatements"]]

    assert asked(**{"from": "2026-11-16", "to": "2026-11-16T11:00:00Z"}) == ["gross_sales", "orders"]
    assert asked(to="2026-11-15") == ["gross_sales"]
    half_a_second_in = {"from": "2026-11-16T10:00:00.5Z", "to": "2026-11-17"}
    assert asked(**half_a_second_in) == ["orders_cancelled"], "the bucket of 10:00 had begun before"
    assert asked(metric="orders") == ["orders"]


def test_csv(feed: Any) -> None:
    lines = list(csv.DictReader(io.StringIO(feed.get(FEED, {"Accept": "text/csv"}).text)))
    entries = feed.get(FEED).json()["restatements"]
    assert [(int(line["release"]), line["metric"], int(line["change"])) for line in lines] == [
        (entry["release"], entry["metric"], entry["change"]) for entry in entries
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"since_release": "x"},
        {"since_release": 1, "after": "2.1"},
        {"after": "2"},
        {"after": "2.x"},
        {"limit": 0},
        {"limit": 10_001},
        {"metric": "refund_rate"},
        {"metric": "gold"},
        {"from": "2026-11-17", "to": "2026-11-16"},
        {"from": "2026-11-16T10:00:00.9Z", "to": "2026-11-16T10:00:00.1Z"},
        {"from": "yesterday"},
        {"grain": "day"},
        {"release": 1, "as_known_at": "2026-11-16T00:00:00Z"},
    ],
)
def test_wrong_parameters(feed: Any, params: dict[str, Any]) -> None:
    answer = feed.get(FEED, **params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["parameter"]


def test_the_order_of_checks(feed: Any) -> None:
    wrong = {"limit": 0}
    assert feed.client.get(FEED, params=wrong).status_code == 401
    other, nobody = (feed.get(f"/v1/merchants/{name}/restatements", **wrong) for name in ("other", "nobody"))
    assert (other.status_code, other.content) == (403, nobody.content)
    assert feed.get(FEED, release=99, **wrong).status_code == 404
    assert feed.get(FEED, {"Accept": "image/png"}, **wrong).status_code == 400
    assert feed.get(FEED, {"Accept": "image/png"}).status_code == 406
    anyone = feed.token("x", Scope.INSIGHTS_READ_ANY)
    found = feed.get("/v1/merchants/other/restatements", anyone).json()["restatements"]
    assert [(r["metric"], r["change"]) for r in found] == [("orders", -8)]
    assert feed.get("/v1/merchants/nobody/restatements", anyone).json()["restatements"] == []


def test_nothing_has_been_released_or_looked_at(service: Any, warehouse: Any) -> None:
    assert service.get(FEED).status_code == 404
    warehouse.publish(1, None)
    service.wait_for(1)
    waiting = service.get(FEED)
    assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "2")
