"""Keyed hashes, and refused bodies without personal ids."""

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.pseudonyms import Pseudonyms
from tests.support.valid_events import texts

HASHES = Pseudonyms(b"k" * 32)


@given(texts)
def test_a_pseudonym_is_stable_and_bound_to_key_and_merchant(value: str) -> None:
    hashed = HASHES.of("a", value)
    assert hashed == Pseudonyms(b"k" * 32).of("a", value) == HASHES.of("a", hashed)
    assert len({hashed, HASHES.of("b", value), Pseudonyms(b"x" * 32).of("a", value)}) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"customer_id":"secret","visitor_id" : "secret"}}',
        b'{"data":{"customer_id":"secret","customer_id":"secret"}}',
        b'[{"visitor_id":"sec',
        b'{"visitor_id":"sec\\"secret',
        b'{"customer_id":\n  424242,"x":1}',
        b'{"customer\\u005fid":"secret"}',
        b'not json at all "customer_id": "secret" \xff',
        b'{"customer\\u005Fid":"secret","n":1e400,"s":"\\ud800"}',
        b'{"customer_id":{"name":["secret",{"x":"]}"}]},"z":1}',
        b'{"visitor_id":["secret", "secret"',
        b'{"customer_id":' + b"[" * 50 + b'"secret"' + b"]" * 50 + b"}",
        b'{"data":"{\\"customer_id\\": \\"sec\\\\\\"ret\\\\\\\\\\"}"}',
        json.dumps({"data": json.dumps({"data": json.dumps({"visitor_id": "secret", "x": 1})})}).encode(),
        b'{"data_base64":{"visitor_id":"secret"}}',
    ],
)
def test_a_refused_body_is_scrubbed(body: bytes) -> None:
    scrubbed = HASHES.scrub("m", body)
    assert b"sec" not in scrubbed
    assert b"424242" not in scrubbed
    assert b"p_" in scrubbed


@given(st.dictionaries(texts, texts, max_size=3))
def test_other_bytes_are_kept(content: dict[str, str]) -> None:
    body = json.dumps({name: value for name, value in content.items() if not name.endswith("_id")}).encode()
    assert HASHES.scrub("m", body) == body


def test_a_long_unterminated_text_takes_no_time() -> None:
    assert HASHES.scrub("m", b'"customer_id":"' + b'\\"' * 500_000).endswith(b'"')


PACKED = base64.b64encode(b'{"visitor_id":"secret","n":1.10}')


@pytest.mark.parametrize(
    "text",
    [
        PACKED,
        PACKED.rstrip(b"="),
        PACKED[:10] + b"\\n" + PACKED[10:],
        b"!" + PACKED[:9] + b"?" + PACKED[9:],
        base64.urlsafe_b64encode(b'{"visitor_id":"secret", "x":"\xff\xfe\xfb\xf0>>>???"}'),
        b"e30=" + PACKED,
        PACKED.replace(b"/", b"\\/"),
        base64.b64encode(b'{"data_base64":"' + PACKED + b'"}'),
        base64.b64encode(b'\xef\xbb\xbf{"data":{"visitor_id":["secret"]'),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_no_personal_id_is_left_in_base64(text: bytes, whole: bool) -> None:
    body = b'{"id":"a","data_base64":"' + text + (b'","visitor_id":"secret"}' if whole else b"")
    scrubbed = HASHES.scrub("m", body)
    assert b"secret" not in scrubbed
    found = re.search(rb'"data_base64":"([^"]*)"', scrubbed)
    assert found is not None
    content = base64.b64decode(found[1])
    while b"data_base64" in content:
        content = base64.b64decode(content.split(b'"')[3])
    assert b"secret" not in content
    assert b"p_" in content


@pytest.mark.parametrize(
    "text", [b"", b"e30=", b"e30", base64.b64encode(b'{"a":"b","c":"\xff"}'), b"not base64 at all, but kept"]
)
def test_base64_without_personal_ids_is_kept(text: bytes) -> None:
    body = b'{"data_base64":"' + text + b'","n":1e400}'
    assert HASHES.scrub("m", body) == body


def test_null_and_nothing_are_no_ids() -> None:
    body = b'{"customer_id":null,"visitor_id":"","x":[{"customer_id": }]}'
    assert HASHES.scrub("m", body) == body


@given(texts)
def test_a_refused_id_has_the_hash_that_an_accepted_one_has(value: str) -> None:
    """Also where it is spelled with escapes: what an operator replays belongs to the same person."""
    for body in (json.dumps({"visitor_id": value}), json.dumps({"visitor_id": value}, ensure_ascii=False)):
        assert json.loads(HASHES.scrub("m", body.encode())) == {"visitor_id": HASHES.of("m", value)}


@given(st.binary(max_size=60) | st.text(alphabet='"\\\\\\[]{}:,null' + "customer_id", max_size=60).map(str.encode))
def test_no_bytes_break_it(body: bytes) -> None:
    for text in (body, b'"customer_id":' + body, b'\\"visitor_id\\":\\"' + body, b'"data_base64":"' + body):
        HASHES.scrub("m", text)


def test_long_ids_are_not_remembered() -> None:
    hashes = Pseudonyms(b"k" * 32)
    for number in range(10):
        hashes.of("m", f"{number}" * 10_000)
    assert hashes._remembered == {}


def hidden(layers: list[str]) -> Any:
    """A personal id under layers of JSON in texts, of base64, and of plain nesting."""
    value: Any = {"visitor_id": "secret"}
    for layer in layers:
        text = json.dumps(value, ensure_ascii=layer != "text")
        if layer == "base64":
            value = {"data_base64": base64.b64encode(text.encode()).decode()}
        else:
            value = {"data": text} if layer == "text" else {"data": [value, "]"]}
    return value


def everything(value: Any) -> str:
    """All that a reader could find, with every layer undone."""
    if isinstance(value, dict):
        content = [base64.b64decode(one).decode() for name, one in value.items() if name == "data_base64"]
        return "".join(map(everything, [*value.values(), *map(json.loads, content)]))
    if isinstance(value, list):
        return "".join(map(everything, value))
    return everything(json.loads(value)) if isinstance(value, str) and value.startswith("{") else str(value)


@given(st.lists(st.sampled_from(["text", "base64", "nested"]), max_size=5))
def test_no_personal_id_is_left_under_any_layers(layers: list[str]) -> None:
    body = json.dumps(hidden(layers) | {"other": "kept"}).encode()
    assert "secret" in everything(json.loads(body))
    found = everything(json.loads(HASHES.scrub("m", body)))
    assert "secret" not in found
    assert HASHES.of("m", "secret") in found
    assert "kept" in found
