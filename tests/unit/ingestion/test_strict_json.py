"""Splitting and measuring JSON without parsing it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.rejections import RejectedError
from ingestion.strict_json import UnreadableError, depth, loads_fast, split_array

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def deepest(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(deepest, children), default=0)


@given(values)
def test_depth_counts_brackets_outside_texts(value: Any) -> None:
    assert depth(json.dumps(value).encode()) == deepest(value)


@given(st.lists(values, max_size=4), st.sampled_from([None, 1]))
def test_an_array_is_split_into_its_elements(elements: list[Any], indent: int | None) -> None:
    found = split_array(json.dumps(elements, indent=indent).encode())
    assert [json.loads(element) for element in found] == elements


bracketed = st.recursive(
    st.sampled_from(["[]", "{", "]}", "[{", '"[', "a,b", "\\\\]"]) | st.integers(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("k]{"), inner, min_size=1),
    max_leaves=20,
)
"""Deep values with brackets in their texts."""


@given(st.lists(bracketed, max_size=3), st.integers(0, 12))
def test_brackets_in_texts_are_no_brackets_however_deep(elements: list[Any], levels: int) -> None:
    for _ in range(levels):
        elements = [{"[": elements, "]": "[]"}]
    found = split_array(json.dumps(elements).encode())
    assert [json.loads(element) for element in found] == elements


def test_a_text_beside_a_deep_value_is_no_bracket() -> None:
    element = b'{"k":{"k":"[]","items":[{"k":{"k":{}}}]}}'
    assert split_array(b"[" + element + b"]") == [element]


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\ a1', max_size=40).map(str.encode))
def test_no_bytes_break_the_splitter(text: bytes) -> None:
    depth(text)
    try:
        split_array(text)
    except UnreadableError:
        return
    assert text.strip().startswith(b"[")


@given(st.text(alphabet='[]{}",:\\u0038adn1.e- tf', max_size=60).map(str.encode))
def test_the_quick_way_agrees_with_the_parser_of_the_standard_library(text: bytes) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    except (ValueError, RecursionError):
        with pytest.raises((UnreadableError, RejectedError)):
            loads_fast(text)
        return
    try:
        assert loads_fast(text) == expected
    except RejectedError:
        return  # a duplicate key, NUL, a lone surrogate, a number out of range


@pytest.mark.parametrize(
    "text", [b"[" + b'"\\' * 500_000, b'["' + b'\\"' * 500_000, b"[" * 1_000_000, b'["a",' * 200_000]
)
def test_hostile_bytes_take_linear_time(text: bytes) -> None:
    started = time.process_time()
    depth(text)
    with pytest.raises(UnreadableError):
        split_array(text)
    assert time.process_time() - started < 5
