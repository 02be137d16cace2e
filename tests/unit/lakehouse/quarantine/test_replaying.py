"""A replay: what is previewed is what is sent, and what is not sent is said."""

import json
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from lakehouse.clients.trino import Row
from lakehouse.errors import RefusedError
from lakehouse.quarantine.mend import Mend, mend_of
from lakehouse.quarantine.replaying import Prepared, Sent, Trouble, prepare, send
from lakehouse.replay.sender import Sender
from tests.support.edge_server import Answer, FakeEdge, accept, serve_edge
from tests.support.quarantine_world import AT, kept, order, rejected, sent

UPPER = mend_of('select(.id != "e9") | .data.currency |= ascii_upcase')


def never(_: datetime) -> set[str]:
    return set()


def prepared_of(rows: list[Row], mend: Mend | None = None, **more: Any) -> Prepared:
    return prepare(map(kept, rows), mend, never, **more)


def delivered(edge: FakeEdge, prepared: Prepared) -> Sent:
    token_of = "token-of-{}".format
    return send(prepared, lambda hear: Sender(edge.url, token_of, hear, lambda _: None, connections=1))


def test_mended_events_are_sent_by_their_merchants_and_name_their_entries() -> None:
    rows = [rejected(sent(order(n, "brl")), merchant_id=f"shop-{n % 2}") for n in range(10)]
    prepared = prepared_of(rows, UPPER)
    assert (prepared.entries, prepared.events, prepared.left_out, prepared.unsendable) == (10, 9, 1, 0)
    taken: list[tuple[str, dict[str, Any]]] = []

    def take(token: str, events: list[dict[str, Any]]) -> Answer:
        taken.extend((token, event) for event in events)
        return accept(token, events)

    with serve_edge(take) as edge:
        done = delivered(edge, prepared)
    assert (done.accepted, done.rejected.total()) == (9, 0)
    names = {kept(row).refused.name: row for row in rows}
    for token, event in taken:
        row = names[event.pop("replayof")]
        assert token == f"token-of-{row['merchant_id']}"
        assert event == order(int(event["id"][1:]), "BRL")
    assert len(taken) == 9
    assert [(row["merchant_id"], row["orders"], row["gross_sales"]) for row in prepared.preview.documents()] == [
        ("shop-0", 5, 500),
        ("shop-1", 4, 400),
    ]


def test_what_cannot_be_sent_or_mended_is_said_and_the_others_go() -> None:
    rows = [rejected(b"\xff"), rejected(sent({"id": "e2"})), rejected(sent(order(3, "brl")))]
    prepared = prepared_of([*rows, rejected(b"{}", merchant_id="..")], UPPER)
    assert (prepared.events, prepared.unsendable) == (1, 3)
    assert [one.entry for one in prepared.troubles[:2]] == [kept(row).refused.name for row in rows[:2]]
    assert "cannot be sent" in "\n".join(prepared.told())


def test_what_is_rejected_again_is_named() -> None:
    rows = [rejected(sent(order(n, "brl"))) for n in range(3)]

    def second(_: str, events: list[dict[str, Any]]) -> Answer:
        bad = [{"index": i, "reason": "bad_time", "detail": "time"} for i, e in enumerate(events) if e["id"] == "e1"]
        return 202, {}, {"accepted": len(events) - len(bad), "rejected": bad}

    with serve_edge(second) as edge:
        done = delivered(edge, prepared_of(rows))
    assert (done.accepted, done.rejected) == (2, {"bad_time": 1})
    assert done.troubles == (Trouble(kept(rows[1]).refused.name, "bad_time", "time"),)


def test_a_name_that_is_not_there_refuses_all() -> None:
    row = rejected(sent(order(1, "brl")))
    with pytest.raises(RefusedError, match="aa-0/9"):
        prepared_of([row], wanted=[kept(row).refused.name, "edge-1/aa-0/9"])


def test_what_was_replayed_before_is_counted() -> None:
    rows = [rejected(sent(order(n, "brl"))) for n in range(3)]
    asked: list[datetime] = []

    def known(since: datetime) -> set[str]:
        asked.append(since)
        return {kept(rows[1]).refused.name, "another"}

    prepared = prepare(map(kept, rows), None, known)
    assert (prepared.replayed, asked) == (1, [AT])
    assert prepare([], None, known).replayed == 0


def test_a_thousand_troubles_are_counted_and_a_hundred_told() -> None:
    rows = [rejected(b"x%d" % n) for n in range(1000)]
    prepared = prepared_of(rows)
    assert (prepared.unsendable, len(prepared.troubles)) == (1000, 100)
    assert len(list(prepared.told())) < 20
    assert json.loads(json.dumps(prepared.facts()))["unsendable"] == 1000


def test_events_with_line_feeds_are_sent_whole() -> None:
    pretty = json.dumps(order(1, "BRL"), indent=2).encode()
    prepared = prepared_of([rejected(pretty)])
    ids = partial(map, lambda line: json.loads(line.event)["id"])
    assert list(ids(prepared.lines())) == list(ids(prepared.lines())) == ["e1"]
