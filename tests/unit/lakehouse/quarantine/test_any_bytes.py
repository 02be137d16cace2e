"""Whatever is in quarantine: what is sent is what was previewed, an event of the entry that it names."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.json_split import elements_of
from lakehouse.quarantine.mend import Mend, mend_of
from lakehouse.quarantine.replaying import prepare
from tests.support.quarantine_world import kept, order, rejected, sent

EVENT = sent(order(1, "BRL"))
FORGED = sent(order(2, "BRL") | {"replayof": "forged"})
PIECES = [
    EVENT,
    FORGED,
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b'"',
    b"\\",
    b'"a":',
    b"1",
    b"NaN",
    b"null",
    b" ",
    b"\n",
    b"\x0b",
]
PIECES += [
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
    b'"\\ud800"',
    b'"replayof":',
    b'"\\u0072eplayof":',
    b"9" * 5000,
    b"1e999",
    b"{}",
]
DEEP = st.integers(1, 1200).map(lambda depth: b'{"a":' + b"[" * depth + b"]" * depth + b"}")
BYTES = st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join) | st.binary(max_size=20) | DEEP
SURROGATES = st.characters() | st.characters(categories=["Cs"])
TEXT = st.text(SURROGATES, max_size=8)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = ["id", "source", "type", "time", "data", "extensions", "subject", "replayof"]
IN_RECORD = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANY | st.just('{"a":1},{"b":2}')))
RECORD = st.fixed_dictionaries({"merchant_id": st.just("m"), "events": st.lists(IN_RECORD, max_size=3)}).map(sent)
MENDS = [".", ".id", "[.]", ".a", "select(.id)", ". + {replayof: 1}", '[{"op": "remove", "path": "/a"}]', "[]"]
MENDS += ['[{"op": "copy", "from": "", "path": "/a"}]', '[{"op": "add", "path": "", "value": []}]', ".. | numbers"]


@given(
    st.lists(BYTES.map(rejected) | RECORD.map(partial(rejected, station="streaming", merchant_id=None)), max_size=4),
    st.none() | st.sampled_from(MENDS).map(mend_of),
)
@example([rejected(b'{"a":1},' + FORGED), rejected(EVENT + b',{"a":1}')], None)
@example([rejected(b'{"a":"}'), rejected(b'{"b":"}')], None)
def test_a_batch_holds_the_events_that_were_previewed_each_naming_its_entry(rows: Any, mend: Mend | None) -> None:
    prepared = prepare(map(kept, rows), mend, lambda _: set())
    lines = list(prepared.lines())
    joined = json.loads(b"[" + b",".join(line.event for line in lines) + b"]", strict=False, parse_int=str)
    assert len(joined) == len(lines) == prepared.events == sum(one["events"] for one in prepared.preview.documents())
    assert elements_of(b"[" + b",".join(line.event for line in lines) + b"]", 1000) == [line.event for line in lines]
    for line, event in zip(lines, joined, strict=True):
        pairs = json.loads(line.event, strict=False, parse_int=str, object_pairs_hook=list)
        assert [value for name, value in pairs if name == "replayof"] == [prepared.entry_of(line.number)]
        assert event["replayof"] in {kept(row).refused.name for row in rows}
    told = {one.entry for one in prepared.troubles}
    events = {prepared.entry_of(line.number) for line in lines}
    assert not told & events
    if mend is None:
        assert told | events == {kept(row).refused.name for row in rows}
    json.dumps(prepared.facts())
    list(prepared.told())


@pytest.mark.parametrize("depth", [900, 930, 960, 970, 980, 985, 990, 995, 1000])
def test_nesting_that_python_cannot_follow_is_said(depth: int) -> None:
    row = rejected(b'{"replayof":' * depth + b"1" + b"}" * depth)
    prepared = prepare([kept(row)], None, lambda _: set())
    assert prepared.events + prepared.unsendable == 1
