"""No body holds up the requests of others; a large one is answered like a small one, an unreadable one is refused."""

import asyncio
import gzip
import json
import threading

import pytest
import zstandard

from ingestion import compression
from ingestion.body_reader import CAREFUL_BYTES, LOOP_BYTES, BodyReader
from ingestion.content_headers import BATCH_TYPE, EVENT_TYPE, ContentMode
from ingestion.envelope import ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import PseudonymsByDay
from lakehouse.settings import EdgeSettings
from tests.support.running_edge import BATCH, RunningEdge, event, post, problem
from tests.support.valid_events import NOW, encode, order

LARGEST = 1 << 20
SLOW = {
    "personal ids": b'["customer_id":"x",' * (LARGEST // 19),
    "odd fields": encode([order(**{f"k{n}": n for n in range(5000)}) | {"id": f"{n}"} for n in range(14)]),
    "refused": encode([order() | {"id": f"e{n}", "time": "x", "subject": "s" * 600} for n in range(1000)]),
}
"""Bodies that cost most of all we know, by the byte."""


READER = BodyReader(EdgeSettings(), PseudonymsByDay({0: b"k" * 32}))


@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW)
def test_the_loop_goes_on_while_a_large_body_is_read(body: bytes) -> None:
    assert LOOP_BYTES < len(body) <= LARGEST

    async def rounds() -> int:
        reading = asyncio.create_task(READER.read(ContentMode.BATCH, body, [], Sender("m"), NOW))
        count = 0
        while not reading.done():
            await asyncio.sleep(0)
            count += 1
        return count

    assert asyncio.run(rounds()) > 3


PLAIN = encode([order() | {"id": f"e{n}"} for n in range(100)])
ODD = encode([order(note=n) | {"id": f"e{n}"} for n in range(30)])
AT_ONCE = {"one event": encode([order()]), "a plain batch": PLAIN, "a small odd batch": ODD}


@pytest.mark.parametrize("body", AT_ONCE.values(), ids=AT_ONCE)
def test_a_body_that_is_read_soon_is_not_sent_around(body: bytes) -> None:
    read = READER.read(ContentMode.BATCH, body, [], Sender("m"), NOW)
    with pytest.raises(StopIteration) as done:
        read.send(None)
    assert done.value.value.rejections == []
    assert len(PLAIN) > CAREFUL_BYTES > len(ODD)


COSTLY = [
    b"[" + b'{"a":' * (LOOP_BYTES // 6),
    b"[" + b'"data_base64":"eyJ2aXNpdG9yX2lkIjoiMSJ9",' * (LOOP_BYTES // 50) + b"]",
    PLAIN[:-1] + b',{"id":"bad"}]',
]


@pytest.mark.parametrize("body", COSTLY)
@pytest.mark.parametrize("mode", list(ContentMode))
def test_the_careful_way_does_not_hold_the_loop(
    body: bytes, mode: ContentMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By who reads it, not by a clock: 64 KiB of brackets take 40 ms."""
    readers: list[bool] = []

    def read(*_: object) -> ParsedRequest:
        readers.append(is_main())
        return ParsedRequest()

    monkeypatch.setattr(READER._envelope, "read", read)
    assert CAREFUL_BYTES < len(body) <= LOOP_BYTES
    asyncio.run(READER.read(mode, body, [], Sender("m"), NOW))
    asyncio.run(READER.read(mode, body[:CAREFUL_BYTES], [], Sender("m"), NOW))
    assert readers == [False, True]


def is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def test_many_members_are_unpacked_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB of empty members takes gzip 70 ms."""
    unpackers: list[bool] = []

    def gunzip(*_: object) -> bytes:
        unpackers.append(is_main())
        return b""

    monkeypatch.setattr(compression, "gunzip", gunzip)
    for size in (LOOP_BYTES, LOOP_BYTES + 1):
        assert asyncio.run(READER.decompress(bytes(size), "gzip")) == b""
    assert unpackers == [True, False]
    assert asyncio.run(READER.decompress(bytes(LARGEST), None)) == bytes(LARGEST)


@pytest.mark.parametrize("padding", [0, LOOP_BYTES])
def test_a_body_is_judged_alike_by_the_loop_and_by_the_thread(edge: RunningEdge, padding: int) -> None:
    good, bad = order() | {"id": "good"}, order(items=None) | {"id": "bad"}
    answer = post(edge, encode([good, bad]) + b" " * padding)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(one["index"], one["id"], one["reason"]) for one in answer.json()["rejected"]] == [
        (1, "bad", "missing_field")
    ]
    answer = post(edge, b'[{"id":' + b" " * padding)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unreadable-body")
    many = b"[" + b",".join([b"{}"] * 1001) + b" " * padding + b"]"
    answer = post(edge, many)
    assert answer.status_code == 413


def test_a_body_that_cannot_be_read(edge: RunningEdge) -> None:
    problem(post(edge, b'[{"visitor_id":"secret-1"'), 400, "unreadable-body")
    problem(post(edge, b"\x1f\x8b", {"Content-Encoding": "gzip"}), 400, "unreadable-body")
    kept = b"".join(path.read_bytes() for path in (edge.settings.home_path / "edge").glob("*/*/rejected/*.ndjson"))
    assert b'"reason":"unreadable"' in kept


def test_media_types_and_codings(edge: RunningEdge) -> None:
    problem(post(edge, b"[]", {"Content-Type": "application/json"}), 415, "unsupported-media-type")
    problem(post(edge, b"[]", {"Content-Type": f"{BATCH_TYPE}; charset=latin-1"}), 415, "unsupported-media-type")
    problem(post(edge, b"[]", {"Content-Encoding": "br"}), 415, "unsupported-media-type")
    body = encode([event()])
    assert post(edge, gzip.compress(body), {"Content-Encoding": "gzip"}).json()["accepted"] == 1
    assert post(edge, zstandard.compress(body), {"Content-Encoding": "zstd"}).json()["accepted"] == 1


@pytest.mark.parametrize("size", [(1 << 20) + 1, 5 << 20, 40 << 20])
def test_a_body_that_is_too_large(edge: RunningEdge, size: int) -> None:
    problem(post(edge, b" " * size), 413, "too-large")


def test_large_bodies_in_other_ways(edge: RunningEdge) -> None:
    problem(post(edge, gzip.compress(b" " * (2 << 20)), {"Content-Encoding": "gzip"}), 413, "too-large")
    problem(post(edge, encode([event(n) for n in range(1001)])), 413, "too-large")
    alone = encode(event(data=order(note="x" * (64 << 10))["data"]))
    problem(post(edge, alone, {"Content-Type": EVENT_TYPE}), 413, "too-large")
    assert post(edge, encode([event(), json.loads(alone)])).json()["rejected"][0]["reason"] == "too_large"
    chunked = edge.client.post(edge.url, content=iter([b"[", b" " * (2 << 20), b"]"]), headers=edge.bearer() | BATCH)
    problem(chunked, 413, "too-large")


def test_a_body_in_chunks_is_whole(edge: RunningEdge) -> None:
    body = encode([event(n) for n in range(50)])
    parts = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    response = edge.client.post(edge.url, content=iter(parts), headers=edge.bearer() | BATCH)
    assert response.json()["accepted"] == 50
