"""The path in words: one station a line, also where the event has not come far."""

from typing import Any

from lakehouse.cli.trace import as_text
from lakehouse.clients.trino import literal


def copy(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "merchant_id": "shop-1",
        "source": "/s",
        "id": "e1",
        "type": "order.placed",
        "time": "2026-11-23T10:01:00Z",
        "extensions": {},
        "replay_of": None,
        "accepted": {"edge": "edge-1", "segment": "aa-0", "seq": 7, "accepted_at": "2026-11-23T10:01:01Z"},
        "raw": None,
        "bronze": [
            {"kafka": {"topic": "events", "partition": 2, "offset": 9}, "generation": 1, "delta_version": 4},
            {"kafka": None, "generation": 1, "delta_version": None},
        ],
        "silver": None,
        "gold": None,
    }
    return told | more


def text(*copies: dict[str, Any], rejected: tuple[dict[str, Any], ...] = ()) -> str:
    return "\n".join(as_text({"id": "e1", "copies": list(copies), "rejected": list(rejected)}))


def test_an_event_on_its_way() -> None:
    told = text(copy())
    assert "edge-1/aa-0/7" in told
    assert "not shipped yet" in told
    assert "commit 4, from events, partition 2, offset 9" in told
    assert "commit ?, from a raw file" in told
    assert "not in the current release yet" in told
    assert "extensions" not in told
    assert "replays" not in told


def test_the_trace_that_an_event_belongs_to_is_shown() -> None:
    told = text(copy(extensions={"traceparent": "00-aa-bb-01", "note": "a\x1b[2J"}))
    assert '"traceparent": "00-aa-bb-01"' in told
    assert "\x1b" not in told


def test_a_replay_names_what_it_replays() -> None:
    assert "  replays    edge-1/aa-0/3" in text(copy(replay_of="edge-1/aa-0/3"))


def test_an_event_that_counts_names_the_release_that_showed_it() -> None:
    silver = {"verdict": "counts", "snapshot": 3, "gold_version": 1}
    gold = {
        "table": "merchant_sales",
        "slot": "2026-11-23T10:00:00Z",
        "currency": "BRL",
        "counted": True,
        "release": 42,
        "released_at": "2026-11-23T10:02:00Z",
        "row": {"gross_sales": 500, "orders": 1},
    }
    told = text(copy(silver=silver, gold=gold))
    assert "counted in merchant_sales, slot 2026-11-23T10:00:00Z, BRL" in told
    assert "gross_sales 500, orders 1" in told
    assert "release 42" in told
    assert "is not counted in merchant_sales" in text(copy(silver=silver, gold=gold | {"counted": False}))
    assert "no metric of the catalogue counts order.placed" in text(copy(silver=silver))


def test_a_duplicate_and_a_rejected_event() -> None:
    duplicate = text(copy(silver={"verdict": "conflicting_duplicate", "snapshot": 3, "gold_version": 1}))
    assert "conflicting duplicate" in duplicate
    assert "gold" not in duplicate.replace("gold version", "")
    refused = {
        "quarantined_at": "2026-11-23T10:00:00Z",
        "station": "edge",
        "merchant_id": "shop-1",
        "reason": "missing_field",
        "detail": "time",
    }
    assert "refused by edge at 2026-11-23T10:00:00Z: missing_field (time)" in text(rejected=(refused,))


def test_a_quote_in_an_id_stays_text() -> None:
    assert literal("a'b") == "'a''b'"
