"""Media types, charsets and codings; decompression that stops in time."""

import gzip
import os
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingestion.content_headers import ContentMode, content_mode, decompress
from lakehouse.http.problems import Kind, ProblemError
from tests.support.linear import assert_linear

LIMIT = 1 << 20


@pytest.mark.parametrize(
    ("content_type", "ce", "expected"),
    [
        ("application/cloudevents-batch+json", False, ContentMode.BATCH),
        ("Application/CloudEvents-Batch+JSON; charset=UTF-8; x=y", False, ContentMode.BATCH),
        ("application/cloudevents+json", False, ContentMode.SINGLE),
        ('application/cloudevents+json;charset="utf-8"', True, ContentMode.SINGLE),
        (None, True, ContentMode.BINARY),
        ("application/json", True, ContentMode.BINARY),
        ("application/vnd.shop+json", True, ContentMode.BINARY),
        ("text/plain;charset=UTF-8", False, ContentMode.BEACON),
    ],
)
def test_the_mode_of_a_request(content_type: str | None, ce: bool, expected: ContentMode) -> None:
    assert content_mode(content_type, ce) is expected


@pytest.mark.parametrize(
    ("content_type", "ce"),
    [
        (None, False),
        ("application/json", False),
        ("application/xml", True),
        ("text/plain", True),
        # the type of the data is given, and it is not JSON: nothing is guessed, whatever the body looks like
        ("application/x-www-form-urlencoded", True),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", True),
        ("application/cloudevents+json; charset=latin-1", False),
        ("application/json; charset=utf-16", True),
        ("application/cloudevents+avro", False),
        ("", False),
    ],
)
def test_what_is_not_supported(content_type: str | None, ce: bool) -> None:
    with pytest.raises(ProblemError) as problem:
        content_mode(content_type, ce)
    assert problem.value.kind is Kind.UNSUPPORTED_MEDIA_TYPE


@given(st.binary(max_size=5000), st.integers(0, 3))
def test_codings_give_the_same_bytes(data: bytes, cut: int) -> None:
    streaming = zstandard.ZstdCompressor(write_content_size=False)
    for coding, packed in (
        (None, data),
        ("identity", data),
        ("GZIP", gzip.compress(data)),
        ("gzip", gzip.compress(data[:cut]) + gzip.compress(data[cut:])),
        ("zstd", zstandard.compress(data)),
        ("zstd", streaming.compress(data)),
    ):
        assert decompress(packed, coding, LIMIT) == data


def packings(data: bytes) -> list[tuple[str, bytes]]:
    return [
        ("gzip", gzip.compress(data)),
        ("zstd", zstandard.compress(data)),
        ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(data)),
    ]


def test_the_limit_holds_after_decompression() -> None:
    for coding, packed in packings(os.urandom(LIMIT)):
        assert len(decompress(packed, coding, LIMIT)) == LIMIT
    for coding, packed in packings(bytes(LIMIT + 1)):
        with pytest.raises(ProblemError) as problem:
            decompress(packed, coding, LIMIT)
        assert problem.value.kind is Kind.TOO_LARGE


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bombs = packings(bytes(200 << 20))
    tracemalloc.start()
    for coding, packed in bombs:
        with pytest.raises(ProblemError) as problem:
            decompress(packed, coding, LIMIT)
        assert problem.value.kind is Kind.TOO_LARGE
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("index", range(3))
def test_a_torn_or_foreign_coding_is_unreadable(index: int) -> None:
    coding, packed = packings(os.urandom(1000))[index]
    for broken in (
        packed[:-5],
        packed[:-1],
        packed + b"junk",
        packed + b"j",
        packed * 2 + packed[:3],
        b"junk" + packed,
    ):
        with pytest.raises(ProblemError) as problem:
            decompress(broken, coding, LIMIT)
        assert problem.value.kind is Kind.UNREADABLE_BODY


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate", "gzip, identity"])
def test_other_codings_are_not_supported(coding: str) -> None:
    with pytest.raises(ProblemError) as problem:
        decompress(b"", coding, LIMIT)
    assert problem.value.kind is Kind.UNSUPPORTED_MEDIA_TYPE


SKIPPABLE = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_any_number_of_frames_is_their_concatenation(parts: list[bytes], data: st.DataObject) -> None:
    """RFC 8878, 3: also with frames that are to be skipped, wherever they are."""
    frames = [zstandard.ZstdCompressor(write_content_size=bool(len(part) % 2)).compress(part) for part in parts]
    for _ in range(data.draw(st.integers(0, 3))):
        frames.insert(data.draw(st.integers(0, len(frames))), SKIPPABLE)
    packed = b"".join(frames)
    assert decompress(packed, "zstd", LIMIT) == b"".join(parts)
    assert decompress(b"".join(map(gzip.compress, parts)), "gzip", LIMIT) == b"".join(parts)
    if packed:
        torn = packed[: -data.draw(st.integers(1, len(frames[-1]) - 1))]
        with pytest.raises(ProblemError):
            decompress(torn, "zstd", LIMIT)


def test_the_limit_holds_over_all_frames() -> None:
    for coding, pack in (("zstd", zstandard.compress), ("gzip", gzip.compress)):
        half = pack(bytes(LIMIT // 2))
        assert len(decompress(half * 2, coding, LIMIT)) == LIMIT
        with pytest.raises(ProblemError) as problem:
            decompress(half * 2 + pack(b"x"), coding, LIMIT)
        assert problem.value.kind is Kind.TOO_LARGE


@pytest.mark.parametrize("content", [b"", b"x"])
@pytest.mark.parametrize(("coding", "pack"), [("zstd", zstandard.compress), ("gzip", gzip.compress)])
def test_many_small_members_take_linear_time(coding: str, pack: Callable[[bytes], bytes], content: bytes) -> None:
    member = pack(content)
    assert_linear(lambda size: decompress(member * (size // len(member)), coding, LIMIT), LIMIT)
