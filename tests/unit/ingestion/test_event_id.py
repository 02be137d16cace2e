"""A rejected event is reported under the id that was sent, however broken the rest of it is."""

import json

import msgspec
import pytest

from tests.support.envelopes import read
from tests.support.valid_events import encode, order, view


def test_the_ids_of_events_that_the_fast_decoder_does_not_take_are_seen() -> None:
    deep = b'{"id":"deep","x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    surrogate = json.dumps(order(note="\ud800") | {"id": "sur\ud800"}).encode()
    large = encode(view(score="?")).replace(b'"?"', b"7" * 5000)
    twice = b'{"id":"a","id":"b"}'
    reading = read(b"[" + b",".join([deep, surrogate, large, twice]) + b"]")
    assert [one.id for one in reading.rejections] == ["deep", "sur?", "e1", "b"]
    assert msgspec.json.encode([one.id for one in reading.rejections])


@pytest.mark.parametrize("length", [64, 65, 255, 256, 257, 5000])
def test_the_id_of_a_rejected_event_is_the_one_that_was_sent(length: int) -> None:
    sent = ("é\0" * length)[: length - 1] + "z"
    rejection = read(encode([order(currency=None) | {"id": sent}], ascii_only=True)).rejections[0]
    assert rejection.id == sent[:256].replace("\0", "?")
