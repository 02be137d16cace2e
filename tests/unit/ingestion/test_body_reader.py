"""No body holds up the requests of others, whatever it holds, and a large one is answered like a small one."""

import asyncio

import httpx
import pytest

from ingestion.body_reader import LOOP_BYTES, BodyReader
from ingestion.content_headers import ContentMode
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import Pseudonyms
from lakehouse.settings import EdgeSettings
from tests.support.valid_events import NOW, encode, order
from tests.unit.ingestion.conftest import RunningEdge

BATCH = {"Content-Type": "application/cloudevents-batch+json"}
LARGEST = 1 << 20
SLOW = {
    "personal ids": b'["customer_id":"x",' * (LARGEST // 19),
    "odd fields": encode([order(**{f"k{n}": n for n in range(5000)}) | {"id": f"{n}"} for n in range(14)]),
    "refused": encode([order() | {"id": f"e{n}", "time": "x", "subject": "s" * 600} for n in range(1000)]),
}
"""Bodies that cost most of all we know, by the byte."""


READER = BodyReader(EdgeSettings(), Pseudonyms(b"k" * 32))


def post(edge: RunningEdge, body: bytes) -> httpx.Response:
    return edge.client.post(edge.url, content=body, headers=edge.bearer() | BATCH)


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


def test_a_small_body_is_not_sent_around() -> None:
    read = READER.read(ContentMode.BATCH, encode([order()]), [], Sender("m"), NOW)
    with pytest.raises(StopIteration) as done:
        read.send(None)
    assert len(done.value.value.events) == 1


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
