"""A number is carried to the last digit or rejected with a reason, by the quick way as by the careful one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.rejections import Reason, RejectedError
from ingestion.strict_json import UnreadableError, loads, loads_fast
from tests.support.envelopes import read
from tests.support.hostile_values import exact, scalars, spell
from tests.support.valid_events import encode, order, view

NUMBERS = [
    *("7" * digits for digits in (20, 300, 301, 4000, 5000)),
    *("-" + "7" * digits for digits in (20, 299, 300, 301, 5000)),
    "1e400",
    "-1e400",
    "1e-400",
    "0.0",
    "-0.0",
    "0e-400",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "1e5",
    "1e22",
    "1.7976931348623157e308",
    "5e-324",
    "3e-324",
    "0." + "0" * 60_000 + "1",
    "0." + "0" * 200 + "1",
    "0.1234567890123456789012345",
    "123456789012345678901.5",
    "0.50000000000000000000000",
    "9" * 299 + ".5",
    "1E+2",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:12] + str(len(text)))
def test_a_number_is_accepted_exactly_as_sent_or_rejected_with_a_reason(number: str) -> None:
    event = encode(view(score="?")).replace(b'"?"', number.encode())
    reading = read(b"[" + event + b"," + encode(order()) + b"]")
    if reading.rejections:
        assert [(one.index, one.reason) for one in reading.rejections] == [(0, Reason.OUT_OF_RANGE)]
        assert len(number.lstrip("-")) > 300 or "e" in number
        assert len(reading.events) == 1
    else:
        assert exact(reading.events[0].data)["score"] == exact(number)
        assert len(number.lstrip("-")) <= 300


@pytest.mark.parametrize("number", ["7" * 300, "-" + "7" * 300, "1e5", "5e-324", "0." + "1" * 298])
def test_what_can_be_carried_is_carried(number: str) -> None:
    assert len(read(b"[" + encode(view(score="?")).replace(b'"?"', number.encode()) + b"]").events) == 1


def outcome(function: Any, text: bytes) -> Any:
    try:
        return function(text)
    except (RejectedError, UnreadableError) as error:
        return type(error), getattr(error, "reason", None)


@given(scalars.map(spell) | st.sampled_from(NUMBERS).map(str.encode))
def test_the_quick_way_takes_no_number_that_the_careful_one_does_not(number: bytes) -> None:
    for text in (number, b"[" + number + b"]", b'{"a":[' + number + b"]}"):
        assert repr(outcome(loads_fast, text)) == repr(outcome(loads, text))
