"""What fails while one event is read is logged, and costs that event alone: it gets a reason."""

import logging
from typing import Any

import pytest

from ingestion import event_id, event_structs, validate
from ingestion.content_headers import ContentMode
from ingestion.rejections import Reason
from tests.support.envelopes import PLAIN, SENDER, read
from tests.support.valid_events import NOW, encode, order, view


class BoomError(Exception):
    """What nobody has thought of."""


def boom(*_: Any, **__: Any) -> Any:
    raise BoomError


def test_a_failure_in_the_fast_way_is_the_careful_ways_case(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = read(encode([order(), view()]))
    monkeypatch.setattr(event_structs, "TRAITS", {})
    with caplog.at_level(logging.ERROR):
        assert read(encode([order(), view()])) == expected
    assert "KeyError" in caplog.text


def test_a_failure_while_one_event_is_judged_is_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def check_but_one(event: Any, max_depth: int) -> Any:
        return boom() if event["id"] == "cursed" else validate.check(event, max_depth)

    monkeypatch.setattr("ingestion.envelope.check", check_but_one)
    body = encode([order() | {"xslow": 1}, order() | {"id": "cursed", "xslow": 1}, order()])
    with caplog.at_level(logging.ERROR):
        reading = read(body)
    assert len(reading.events) == 2
    assert [(one.index, one.id, one.reason) for one in reading.rejections] == [(1, "cursed", Reason.INTERNAL_ERROR)]
    assert "BoomError" in caplog.text


def test_a_failure_in_binary_mode_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [(b"ce-id", b"e1"), (b"ce-specversion", b"1.0")]
    monkeypatch.setattr("ingestion.strict_json.loads_fast", boom)
    rejection = PLAIN.read(ContentMode.BINARY, b"{}", headers, SENDER, NOW).rejections[0]
    assert (rejection.id, rejection.reason) == ("e1", Reason.INTERNAL_ERROR)


def test_a_failure_while_the_id_is_looked_for_is_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_id, "_decode", boom)
    rejection = read(encode([order(currency=None), order()])).rejections[0]
    assert (rejection.id, rejection.reason) == (None, Reason.MISSING_FIELD)
