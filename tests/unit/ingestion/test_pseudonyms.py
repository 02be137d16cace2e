"""Keyed hashes, and refused bodies without personal ids."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.pseudonyms import Pseudonyms
from tests.unit.ingestion.valid_events import texts

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
