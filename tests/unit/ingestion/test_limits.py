"""Depth, size and number of events are bounded, and an event over a bound costs only itself."""

import pytest

from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope
from ingestion.rejections import Reason
from lakehouse.http.problems import Kind, ProblemError
from tests.support.envelopes import EDGE, SENDER, only, read, rejection
from tests.support.valid_events import NOW, encode, nested, order


def test_depth_ends_at_32() -> None:
    assert len(read(b"[" + nested(32) + b"]").events) == 1
    assert rejection(nested(33)) == (Reason.TOO_DEEP, "event")


@pytest.mark.parametrize("levels", [33, 2_000, 200_000])
def test_depth_costs_only_its_own_event(levels: int) -> None:
    edge = Envelope(EDGE.model_copy(update={"max_event_bytes": 1 << 20}), None)
    reading = edge.read(ContentMode.BATCH, b"[" + nested(levels) + b"," + encode(order()) + b"]", [], SENDER, NOW)
    assert [(one.index, one.reason) for one in reading.rejections] == [(0, Reason.TOO_DEEP)]
    assert len(reading.events) == 1


def test_many_brackets_in_a_text_are_no_depth() -> None:
    only(order(note='[{"' * 100))


def test_a_large_event_is_refused_in_its_place_and_alone_with_413() -> None:
    large = order(note="x" * (64 << 10))
    reading = read(encode([order(), large, order()]))
    assert [(one.index, one.reason) for one in reading.rejections] == [(1, Reason.TOO_LARGE)]
    assert len(reading.events) == 2
    for mode in (ContentMode.SINGLE, ContentMode.BEACON, ContentMode.BINARY):
        with pytest.raises(ProblemError) as problem:
            read(encode(large), mode)
        assert problem.value.kind is Kind.TOO_LARGE


def test_a_batch_has_at_most_a_thousand_events() -> None:
    body = encode(order())
    assert len(read(b"[" + b",".join([body] * 1000) + b"]").events) == 1000
    with pytest.raises(ProblemError) as problem:
        read(b"[" + b",".join([body] * 1001) + b"]")
    assert problem.value.kind is Kind.TOO_LARGE
