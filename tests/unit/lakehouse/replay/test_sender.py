"""Until each event has an answer: put off, dropped, halved or refused, over real HTTP."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.clients.edge import WrongAnswerError
from lakehouse.errors import NotReadyError
from lakehouse.replay.lines import Line, RejectedLine
from lakehouse.replay.sender import RefusedByEdgeError, Sender, Summary
from tests.support.edge_server import Answer, FakeEdge, accept, serve_edge


def lines(count: int, merchant: str = "m") -> list[Line]:
    return [Line(number, merchant, b'{"id": "%d"}' % number) for number in range(count)]


def send(edge: FakeEdge, batches: list[list[Line]], **more: Any) -> tuple[Summary, list[RejectedLine]]:
    rejected: list[RejectedLine] = []
    sender = Sender(edge.url, lambda merchant: f"token-of-{merchant}", rejected.append, lambda _: None, **more)
    return sender.run(batches), rejected


def in_turn(*answers: Callable[[str, list[dict[str, Any]]], Answer]) -> Callable[[str, list[dict[str, Any]]], Answer]:
    """Each request gets the next answer; after the last all are accepted."""
    left = list(answers)
    return lambda token, events: (left.pop(0) if left else accept)(token, events)


def test_each_merchant_is_sent_with_its_own_token() -> None:
    with serve_edge(accept) as edge:
        summary, _ = send(edge, [lines(3, "a"), lines(2, "b")])
    assert summary == Summary(sent=5, accepted=5)
    assert set(edge.taken) == {("token-of-a", str(n)) for n in range(3)} | {("token-of-b", str(n)) for n in range(2)}


def test_what_is_put_off_or_dropped_goes_again() -> None:
    put_off = in_turn(
        lambda *_: (429, {"Retry-After": "0"}, {}),
        lambda *_: None,
        lambda *_: (503, {"Retry-After": "0"}, {"title": "starting"}),
    )
    with serve_edge(put_off) as edge:
        summary, _ = send(edge, [lines(4)])
    assert summary == Summary(sent=4, accepted=4, retried=12)
    assert edge.requests == [4, 4, 4, 4]


def test_rejected_events_are_handed_back_with_their_reason() -> None:
    def one_bad(_: str, events: list[dict[str, Any]]) -> Answer:
        bad = [
            {"index": i, "reason": "missing_field", "detail": "time"} for i, e in enumerate(events) if e["id"] == "2"
        ]
        return 202, {}, {"accepted": len(events) - len(bad), "rejected": bad}

    with serve_edge(one_bad) as edge:
        summary, rejected = send(edge, [lines(4)])
    assert summary == Summary(sent=4, accepted=3, rejected=1)
    assert rejected == [RejectedLine(2, "m", "missing_field", "time", b'{"id": "2"}')]


def test_a_batch_of_nothing_but_rejected_events_is_an_answer() -> None:
    everything = {"rejected": [{"index": 0, "reason": "bad_time", "detail": ""}]}
    with serve_edge(lambda *_: (400, {}, everything)) as edge:
        summary, _ = send(edge, [lines(1)])
    assert summary == Summary(sent=1, rejected=1)


@settings(max_examples=15)
@given(st.sets(st.integers(0, 19), max_size=4), st.sampled_from([400, 413, 500]))
def test_a_body_that_cannot_be_read_is_halved_until_the_culprits_are_alone(bad: set[int], status: int) -> None:
    def unreadable(token: str, events: list[dict[str, Any]]) -> Answer:
        if any(int(event["id"]) in bad for event in events):
            return status, {}, {"title": "cannot be read"}
        return accept(token, events)

    with serve_edge(unreadable) as edge:
        summary, rejected = send(edge, [lines(20)])
    assert summary == Summary(sent=20, accepted=20 - len(bad), rejected=len(bad))
    assert {one.number for one in rejected} == bad
    assert set(edge.taken.values()) <= {1}


def test_a_refused_sender_stops_at_once() -> None:
    with (
        serve_edge(lambda *_: (401, {}, {"title": "Unauthorized", "detail": "expired"})) as edge,
        pytest.raises(RefusedByEdgeError, match="expired"),
    ):
        send(edge, [lines(1) for _ in range(50)], connections=1)
    assert len(edge.requests) < 50


@pytest.mark.parametrize(
    ("status", "advice", "other"), [(401, "--token", "--edge"), (403, "--token", "--edge"), (404, "--edge", "--token")]
)
def test_the_token_is_named_only_where_it_is_at_fault(status: int, advice: str, other: str) -> None:
    with serve_edge(lambda *_: (status, {}, {"title": "no"})) as edge, pytest.raises(RefusedByEdgeError) as error:
        send(edge, [lines(1)])
    assert advice in str(error.value)
    assert other not in str(error.value)


def test_events_that_the_token_does_not_allow_are_handed_back() -> None:
    everything = {"rejected": [{"index": i, "reason": "forbidden_type", "detail": "type"} for i in range(2)]}
    with serve_edge(lambda *_: (403, {}, everything)) as edge:
        summary, rejected = send(edge, [lines(2)])
    assert summary == Summary(sent=2, rejected=2)
    assert {one.reason for one in rejected} == {"forbidden_type"}


BAD_TIME = {"reason": "bad_time", "detail": ""}


@pytest.mark.parametrize(
    "document",
    [
        {"accepted": 3, "rejected": []},
        {"accepted": 1, "rejected": []},
        {"accepted": 1, "rejected": [BAD_TIME | {"index": 2}]},
        {"accepted": 1, "rejected": [BAD_TIME | {"index": -1}]},
        {"accepted": 0, "rejected": [BAD_TIME | {"index": 1}] * 2},
        {"accepted": 1, "rejected": [BAD_TIME]},
        {"accepted": None, "rejected": []},
        {"rejected": ["bad"]},
        {"status": "ok", "rejected": []},
    ],
)
def test_an_answer_that_is_not_about_these_events_is_no_success(document: dict[str, Any]) -> None:
    with serve_edge(lambda *_: (400, {}, document)) as edge, pytest.raises(WrongAnswerError, match="--edge"):
        send(edge, [lines(2)])


def test_patience_ends() -> None:
    with (
        serve_edge(lambda *_: (503, {"Retry-After": "1"}, {"title": "away"})) as edge,
        pytest.raises(NotReadyError, match="away"),
    ):
        send(edge, [lines(1)], give_up_after=0.5)


def test_a_rate_is_kept() -> None:
    with serve_edge(accept) as edge:
        began = time.monotonic()
        send(edge, [lines(10) for _ in range(6)], rate=100.0)
    assert 0.45 <= time.monotonic() - began < 30
