"""Contract 2 over HTTP, to the letter, on a small warehouse."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from deltalake import DeltaTable

from lakehouse.tokens import Scope
from tests.support.gold_warehouse import sale, view
from tests.support.insights_service import DAY, check_problem

_METRICS = "/v1/merchants/m/metrics"


def _series(answer: Any, metric: str, currency: str | None = None) -> Any:
    (found,) = [s for s in answer["series"] if s["metric"] == metric and s["currency"] == currency]
    return found


def test_a_day_of_hours(day: Any) -> None:
    answer = day.metrics("gross_sales,orders,page_views,average_order_value,refund_rate", **DAY)
    assert answer["merchant_id"] == "m"
    assert (answer["grain"], answer["tz"]) == ("hour", "UTC")
    assert answer["from"] == "2026-11-16T00:00:00+00:00"
    assert answer["starts"][10] == "2026-11-16T10:00:00+00:00"
    assert len(answer["starts"]) == 24
    assert answer["final_buckets"] == 11
    brl = _series(answer, "gross_sales", "BRL")
    assert (brl["unit"], brl["exponent"], brl["values"][9:12]) == ("money", 2, [0, 1035, 0])
    assert _series(answer, "gross_sales", "JPY")["exponent"] == 0
    assert _series(answer, "orders")["values"][10:12] == [5, 2]
    assert _series(answer, "page_views")["values"][10] == 8
    assert _series(answer, "average_order_value", "BRL")["values"][9:11] == [None, 187]
    assert _series(answer, "refund_rate", "JPY")["values"][11] == 0.128571
    assert [s["currency"] for s in answer["series"]] == ["BRL", "JPY", None, None, "BRL", "JPY", "BRL", "JPY"]


def test_the_receipt(day: Any, warehouse: Any) -> None:
    receipt = day.metrics("orders", **DAY)["receipt"]
    released_at = warehouse.log.get(2).released_at
    assert datetime.fromisoformat(receipt["released_at"]) == released_at
    assert receipt["known_at"] == receipt["released_at"]
    assert receipt["complete_through"] == "2026-11-16T11:00:00Z"
    assert receipt["tables"] == {
        "merchant_sales": {"delta_version": 1},
        "merchant_traffic": {"delta_version": 0},
    }
    assert receipt["bronze"] == {"generation": 1, "delta_version": 2}
    assert receipt["definition"] == {"fingerprint": "f" * 64, "git_commit": None}
    assert (receipt["release"], receipt["gold_version"], receipt["tzdata"]) == (2, 1, "2026f")


def test_what_was_known_is_shown_again(day: Any, warehouse: Any) -> None:
    newest = day.get("/v1/merchants/m/metrics", metrics="orders", **DAY)
    known_at = newest.json()["receipt"]["known_at"]
    again = day.get("/v1/merchants/m/metrics", metrics="orders", as_known_at=known_at, **DAY)
    assert again.content == newest.content
    first = warehouse.log.get(1).released_at
    before = day.metrics("orders", as_known_at=first.isoformat(), **DAY)
    assert before["series"][0]["values"][10] == 4
    assert before["receipt"]["release"] == 1
    assert day.metrics("orders", release=1, **DAY) == before
    warehouse.write("merchant_sales", [sale("10:00", gross_sales=0, orders=0)], snapshot=3)
    warehouse.publish(3, "2026-11-16T11:00:00Z")
    day.wait_for(3)
    later = day.get("/v1/merchants/m/metrics", metrics="orders", as_known_at=known_at, **DAY)
    assert later.content == newest.content
    assert later.headers["etag"] == newest.headers["etag"]
    assert day.metrics("orders", **DAY)["series"][0]["values"][10] == 2


def test_another_gold_version_is_shown_at_once_and_the_old_one_still_answers(day: Any, warehouse: Any) -> None:
    old = day.metrics("gross_sales,page_views", **DAY)
    warehouse.write("merchant_sales", [sale("10:00", "USD", gross_sales=1)], snapshot=1, version=2)
    warehouse.write("merchant_traffic", [view("10:00", 2)], snapshot=1, version=2)
    warehouse.publish(1, "2026-11-16T11:00:00Z", version=2, kind="promote")
    day.wait_for(3)
    new = day.metrics("gross_sales,page_views", **DAY)
    assert [s["currency"] for s in new["series"]] == ["USD", None]
    assert new["series"][1]["values"][10] == 2
    assert day.metrics("gross_sales,page_views", release=2, **DAY) == old


def test_rewritten_files_are_read_anew(day: Any, warehouse: Any) -> None:
    table = DeltaTable(warehouse.table(1, "merchant_sales"))
    table.optimize.compact()
    warehouse.touch("merchant_sales")
    warehouse.write("merchant_sales", [sale("12:00", gross_sales=8, orders=1)], snapshot=3)
    warehouse.publish(3, "2026-11-16T11:00:00Z")
    day.wait_for(3)
    assert day.metrics("orders", **DAY)["series"][0]["values"][10:13] == [5, 2, 1]
    table = DeltaTable(warehouse.table(1, "merchant_sales"))
    table.delete("snapshot = 3")
    warehouse.write("merchant_sales", [sale("12:00", gross_sales=8, orders=6)], snapshot=4)
    warehouse.publish(4, "2026-11-16T11:00:00Z")
    day.wait_for(4)
    assert day.metrics("orders", **DAY)["series"][0]["values"][10:13] == [5, 2, 6]


def test_currencies(day: Any) -> None:
    usd = day.metrics("gross_sales,orders", currency="USD", **DAY)
    assert [(s["currency"], sum(s["values"][:20])) for s in usd["series"]] == [("USD", 0), ("USD", 0)]
    jpy = day.metrics("orders,page_views,orders_cancelled", currency="JPY", **DAY)
    assert [(s["currency"], s["values"][11]) for s in jpy["series"]] == [("JPY", 2), (None, 0), ("JPY", 0)]
    assert day.metrics("orders_cancelled", **DAY)["series"][0]["values"][11] == 1


def test_a_merchant_without_events_gets_zeros(day: Any) -> None:
    reader = day.token("someone", Scope.INSIGHTS_READ_ANY)
    answer = day.get("/v1/merchants/nobody/metrics", reader, metrics="gross_sales,orders,refund_rate", **DAY).json()
    money, orders, ratio = answer["series"]
    assert (money["currency"], money["exponent"], money["values"]) == (None, None, [0] * 24)
    assert orders["values"] == [0] * 24
    assert ratio["values"] == [None] * 24


def test_what_has_not_begun_is_not_known(day: Any, warehouse: Any) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ahead = (now + timedelta(hours=2)).isoformat()
    warehouse.write("merchant_sales", [{"merchant_id": "m", "slot": ahead, "currency": "BRL", "orders": 1}], snapshot=3)
    warehouse.publish(3, now.isoformat())
    day.wait_for(3)
    window = {"from": (now - timedelta(hours=2)).isoformat(), "to": (now + timedelta(hours=4)).isoformat()}
    answer = day.metrics("orders,page_views", **window)
    assert answer["final_buckets"] == 2
    assert answer["series"][0]["values"] == [0, 0, 0, None, 1, None]
    assert answer["series"][1]["values"] == [0, 0, 0, None, None, None]


def test_local_days_weeks_and_months(day: Any) -> None:
    sao_paulo = {"tz": "America/Sao_Paulo", "from": "2026-11-01", "to": "2026-12-01"}
    days = day.metrics("orders", grain="day", **sao_paulo)
    assert (days["starts"][15], days["series"][0]["values"][15]) == ("2026-11-16T00:00:00-03:00", 7)
    weeks = day.metrics("orders", grain="week", **sao_paulo)
    assert weeks["starts"][:2] == ["2026-11-01T00:00:00-03:00", "2026-11-02T00:00:00-03:00"]
    months = day.metrics("orders", grain="month", **sao_paulo)
    assert months["starts"] == ["2026-11-01T00:00:00-03:00"]
    kathmandu = day.metrics("orders", tz="Asia/Kathmandu", **DAY)
    assert kathmandu["starts"][:2] == ["2026-11-16T05:45:00+05:45", "2026-11-16T06:00:00+05:45"]
    # 10:00 to 10:30 in UTC is 15:45 to 16:15 in Kathmandu.
    values = dict(zip(kathmandu["starts"], kathmandu["series"][0]["values"], strict=True))
    assert values["2026-11-16T15:00:00+05:45"] == 3
    assert values["2026-11-16T16:00:00+05:45"] == 4


def test_the_previous_period(day: Any) -> None:
    window = {"from": "2026-11-17T00:00:00Z", "to": "2026-11-18T00:00:00Z"}
    (series,) = day.metrics("orders", compare="previous_period", **window)["series"]
    assert series["previous"]["from"] == "2026-11-16T00:00:00+00:00"
    assert series["previous"]["to"] == "2026-11-17T00:00:00+00:00"
    assert series["previous"]["values"][10:12] == [5, 2]


def test_numbers_beyond_64_bits_are_exact(day: Any, warehouse: Any) -> None:
    big = 10**37
    rows = [sale("20:00", "KWD", gross_sales=big, orders=1), sale("20:15", "KWD", gross_sales=2 * big, returns=1)]
    warehouse.write("merchant_sales", rows, snapshot=3)
    warehouse.publish(3, None)
    day.wait_for(3)
    answer = day.metrics("gross_sales,net_sales,average_order_value", currency="KWD", **DAY)
    assert [s["values"][20] for s in answer["series"]] == [3 * big, 3 * big - 1, 3 * big]
    assert answer["final_buckets"] == 0
    assert answer["receipt"]["complete_through"] is None


def test_a_release_without_tables_is_zeros(service: Any, warehouse: Any) -> None:
    warehouse.publish(1, "2026-11-16T11:00:00Z")
    service.wait_for(1)
    assert service.metrics("orders", **DAY)["series"][0]["values"] == [0] * 24


def test_etags(day: Any) -> None:
    asked = {"metrics": "orders", **DAY}
    plain = day.get("/v1/merchants/m/metrics", {"Accept-Encoding": "identity"}, **asked)
    tag = plain.headers["etag"]
    assert tag.startswith('"')
    assert {"accept", "authorization", "accept-encoding"} <= set(plain.headers["vary"].lower().split(", "))
    for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        headers = {"If-None-Match": value, "Accept-Encoding": "identity"}
        again = day.get("/v1/merchants/m/metrics", headers, **asked)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert day.get("/v1/merchants/m/metrics", {"If-None-Match": '"x"'}, **asked).status_code == 200
    forms = [
        plain,
        day.get("/v1/merchants/m/metrics", {"Accept": "text/csv", "Accept-Encoding": "identity"}, **asked),
        day.get("/v1/merchants/m/metrics", {"Accept-Encoding": "gzip"}, **asked),
        day.get("/v1/merchants/m/metrics", {"Accept": "text/csv", "Accept-Encoding": "gzip"}, **asked),
    ]
    assert len({form.headers["etag"] for form in forms}) == 4
    assert forms[2].headers["content-encoding"] == "gzip"
    assert forms[2].content == plain.content


def test_csv(day: Any) -> None:
    answer = day.get("/v1/merchants/m/metrics", {"Accept": "text/csv"}, metrics="gross_sales,refund_rate", **DAY)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "\r\n" in answer.text
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    body = day.metrics("gross_sales,refund_rate", **DAY)
    assert len(lines) == 24 * len(body["series"])
    for place, line in enumerate(lines):
        series, bucket = body["series"][place // 24], place % 24
        value = series["values"][bucket]
        assert line["metric"] == series["metric"]
        assert line["currency"] == series["currency"]
        assert line["start"] == body["starts"][bucket]
        assert (float(line["value"]) if line["value"] else None) == value
        assert line["final"] == ("true" if bucket < body["final_buckets"] else "false")
        assert line["known_at"] == body["receipt"]["known_at"]


def test_an_hour_that_clocks_repeat_from_a_minute_past_midnight(service: Any, warehouse: Any) -> None:
    """Newfoundland, 30 October 2005: from 00:01-02:30 back to 23:01-03:30. Its slot is one bucket under one name."""
    slot = {"merchant_id": "m", "slot": "2005-10-30T02:30:00Z", "currency": "CAD", "orders": 3}
    warehouse.write("merchant_sales", [slot], snapshot=1)
    warehouse.publish(1, "2026-11-16T11:00:00Z")
    service.wait_for(1)
    st_johns = {"tz": "America/St_Johns", "from": "2005-10-29", "to": "2005-10-31"}
    hours = service.metrics("orders", compare="previous_period", **st_johns)
    place = hours["starts"].index("2005-10-29T23:00:00-03:30")
    assert hours["series"][0]["values"][place] == sum(hours["series"][0]["values"]) == 3
    assert hours["starts"][place - 1] == "2005-10-29T23:00:00-02:30"
    assert len(hours["starts"]) == hours["final_buckets"] == 49
    days = service.metrics("orders", grain="day", **st_johns)
    assert (days["from"], days["to"]) == (hours["from"], hours["to"])
    assert days["series"][0]["values"] == [0, 3], "the 30th began at 00:00-02:30"
    asked = {"metric": "orders", "tz": "America/St_Johns", "start": hours["starts"][place]}
    revisions = service.get("/v1/merchants/m/revisions", **asked).json()
    assert (revisions["from"], revisions["to"]) == tuple(hours["starts"][place : place + 2])
    assert [one["value"] for one in revisions["revisions"]] == [3]
    lines = csv.DictReader(
        io.StringIO(service.get(_METRICS, {"Accept": "text/csv"}, metrics="orders", **st_johns).text)
    )
    assert {line["start"]: line["value"] for line in lines}["2005-10-29T23:00:00-03:30"] == "3"
    next_day = st_johns | {"from": "2005-10-31", "to": "2005-11-01", "compare": "previous_period"}
    before = service.metrics("orders", **next_day)["series"][0]["previous"]
    assert (before["from"], before["values"][0]) == ("2005-10-30T00:00:00-02:30", 3)


def test_revisions(day: Any, warehouse: Any) -> None:
    asked = {"metric": "orders", "start": "2026-11-16T10:00:00Z"}
    body = day.get("/v1/merchants/m/revisions", **asked).json()
    assert [(r["value"], r["release"], r["reason"]) for r in body["revisions"]] == [
        (4, 1, "first_final"),
        (5, 2, "late_events"),
    ]
    open_hour = day.get("/v1/merchants/m/revisions", metric="orders", start="2026-11-16T11:00:00Z").json()
    assert open_hour["revisions"] == []
    then = day.get("/v1/merchants/m/revisions", release=1, **asked).json()
    assert [r["release"] for r in then["revisions"]] == [1]
    check_problem(day.get("/v1/merchants/m/revisions", metric="gross_sales", start="2026-11-16"), 400)
    money = day.get("/v1/merchants/m/revisions", currency="BRL", metric="gross_sales", start="2026-11-16T10:00:00Z")
    assert [r["value"] for r in money.json()["revisions"]] == [1005, 1035]
    check_problem(day.get("/v1/merchants/m/revisions", metric="orders", start="2026-11-16T10:15:00Z"), 400)


def test_releases_and_status(day: Any, warehouse: Any) -> None:
    first = day.client.get("/v1/releases", params={"limit": 1}).json()
    assert [r["release"] for r in first["releases"]] == [2]
    rest = day.client.get("/v1/releases", params={"before": first["next"]}).json()
    assert [r["release"] for r in rest["releases"]] == [1]
    assert rest["next"] is None
    status = day.client.get("/v1/status").json()
    assert status["current_release"] == 2
    assert 0 <= status["freshness_seconds"] < 60
    assert status["complete_through"] == "2026-11-16T11:00:00Z"
    assert status["held"] is False


def test_the_catalogue(day: Any) -> None:
    rows = {row["name"]: row for row in day.client.get("/v1/metrics").json()["metrics"]}
    assert rows["average_order_value"]["formula"] == "(gross_sales - discounts) / orders"
    assert rows["average_order_value"]["additive"] is False
    assert {"name", "title", "unit", "formula", "additive", "error"} <= set(rows["orders"])


def test_pages(day: Any) -> None:
    day.metrics("orders", **DAY)
    document = day.client.get("/openapi.json").json()
    assert "/v1/merchants/{merchant_id}/metrics" in document["paths"]
    for path in ("/", "/docs", "/healthz", "/readyz", "/problems"):
        answer = day.client.get(path)
        assert answer.status_code == 200
        assert "//cdn" not in answer.text
    assert "default-src 'none'" in day.client.get("/").headers["content-security-policy"]
    shown = day.client.get("/metrics").text
    assert 'route="/v1/merchants/{merchant_id}/metrics"' in shown
    assert "/m/" not in shown


def test_methods_and_unknown_paths(day: Any) -> None:
    check_problem(day.client.post("/v1/metrics"), 405)
    check_problem(day.client.get("/v1/nothing"), 404)
    assert day.client.head("/v1/metrics").status_code == 200
