"""Lines of any kind: what can be sent keeps its bytes, what cannot is named."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.replay.batches import batches
from lakehouse.replay.lines import Line, RejectedLine, read_lines

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
events = st.dictionaries(st.text(min_size=1, max_size=6), json_values, max_size=5)


@given(events)
def test_the_merchant_is_taken_away_and_nothing_else_changes(event: dict[str, object]) -> None:
    event.pop("merchant", None)
    text = json.dumps({**event, "merchant": "shop-1"}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    (line,) = read_lines([text])
    assert isinstance(line, Line)
    assert line.merchant_id == "shop-1"
    assert json.loads(line.event) == event


def test_numbers_are_passed_on_as_they_were_written() -> None:
    (line,) = read_lines([b'{"merchant": "m", "data": {"a": 5.0, "b": 123456789012345678901234567890, "a": 1e400}}'])
    assert isinstance(line, Line)
    assert line.event == b'{"data":{"a": 5.0, "b": 123456789012345678901234567890, "a": 1e400}}'


def test_a_named_merchant_owns_every_line() -> None:
    text = b'{"merchant": "other", "id": "1"}'
    assert list(read_lines([text], merchant="shop-1")) == [Line(1, "shop-1", text)]


@given(st.binary(max_size=30))
def test_whatever_a_line_holds_it_is_a_line_or_a_named_refusal(text: bytes) -> None:
    for read in read_lines([b"", text]):
        assert read.number == 2
        if isinstance(read, RejectedLine):
            assert "line 2" in read.detail
            assert read.text == text.strip()
        else:
            assert isinstance(msgspec.json.decode(read.event), dict)


def test_a_bad_line_names_itself_and_stops_no_other() -> None:
    lines = [
        b'{"id": "1", "merchant": "m"}\n',
        b"\n",
        b"{oops\n",
        b'["a"]',
        b'{"id": "2"}',
        b'{"id": "3", "merchant": "m"}',
    ]
    read = list(read_lines(lines))
    assert [(one.number, getattr(one, "reason", "ok")) for one in read] == [
        (1, "ok"),
        (3, "bad_json"),
        (4, "bad_json"),
        (5, "no_merchant"),
        (6, "ok"),
    ]


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("before", [MARK, MARK + MARK, b"  " + MARK, MARK + b" "])
def test_a_byte_order_mark_before_a_line_is_skipped(before: bytes) -> None:
    """Also in the middle: where one file begins behind another."""
    text = b'{"id": "1", "merchant": "m"}'
    lines = [before + text, text, before, before + text, MARK[:2] + text]
    read = list(read_lines(lines))
    assert [(one.number, getattr(one, "reason", "ok")) for one in read] == [
        (1, "ok"),
        (2, "ok"),
        (4, "ok"),
        (5, "bad_json"),
    ]
    assert {one.event for one in read if isinstance(one, Line)} == {b'{"id": "1"}'.replace(b" ", b"")}
    assert list(read_lines([before + text], merchant="m")) == [Line(1, "m", text)]


@pytest.mark.parametrize("merchant", [".", "..", "", "a/b", 5, None, "x" * 65])
def test_what_is_no_merchant_id_is_named(merchant: object) -> None:
    (read,) = read_lines([json.dumps({"id": "1", "merchant": merchant}).encode()])
    assert isinstance(read, RejectedLine)
    assert read.reason == "no_merchant"


@pytest.mark.parametrize(
    "value", [b"[" * 5000 + b"]" * 5000, b"7" * 5000, b"1e400", b'"\\ud800"', b'"\xff"'], ids=lambda text: str(text[:9])
)
def test_odd_values_stop_no_line(value: bytes) -> None:
    for merchant in (None, "m"):
        read = list(read_lines([b'{"merchant": "m", "data": ' + value + b"}", b'{"merchant": "m"}'], merchant=merchant))
        assert [one.number for one in read] == [1, 2]
        assert isinstance(read[1], Line)


merchants = st.lists(st.sampled_from("abc"), max_size=60)


@given(merchants, st.integers(1, 5), st.integers(1, 12))
def test_batches_hold_every_line_once_of_one_merchant_each_in_order(names: list[str], size: int, waiting: int) -> None:
    lines = [Line(number, name, b"{}") for number, name in enumerate(names)]
    made = list(batches(lines, size, waiting))
    assert all(len({line.merchant_id for line in batch}) == 1 and 0 < len(batch) <= size for batch in made)
    for name in "abc":
        sent = [line for batch in made for line in batch if line.merchant_id == name]
        assert sent == [line for line in lines if line.merchant_id == name]


def test_a_batch_stays_below_the_largest_body() -> None:
    lines = [Line(number, "m", b"x" * 300_000) for number in range(7)]
    made = list(batches(lines, 500, 1000))
    assert [len(batch) for batch in made] == [2, 2, 2, 1]
