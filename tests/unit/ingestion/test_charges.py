"""The quota over real HTTP: bytes and events are charged whatever becomes of them, and 429 says when to come again."""

import gzip
from pathlib import Path

from lakehouse.clients.files import LocalFiles
from tests.support.running_edge import BATCH, RunningEdge, event, post, problem, serve, settings_of
from tests.support.valid_events import encode


def test_the_quota_answers_429_in_whole_seconds(tmp_path: Path) -> None:
    for edge in serve(settings_of(tmp_path, quota_events_per_second=10), LocalFiles(tmp_path / "hdfs")):
        assert post(edge, encode([event(n) for n in range(45)])).status_code == 202
        response = post(edge, encode([event()]))
        problem(response, 429, "quota-exceeded")
        assert 1 <= int(response.headers["retry-after"]) <= 4
        other = edge.bearer(merchant="shop-2")
        assert edge.client.post(edge.url, content=b"[]", headers=BATCH | other).status_code == 202


def exhausted(edge: RunningEdge, merchant: str) -> tuple[str, int]:
    response = post(edge, encode([event()]), edge.bearer(merchant=merchant))
    return problem(response, 429, "quota-exceeded")["detail"], int(response.headers["retry-after"])


GZIP = {"Content-Encoding": "gzip"}
CHARGED_BYTES: list[tuple[bytes, dict[str, str], int, int]] = [
    (b" " * 50_000 + b"[]", {}, 202, 50_002),
    (b" " * 50_000, {}, 400, 50_000),
    (encode([event(0, type="x.y", note="x" * 50_000)]), {}, 400, 50_000),
    (b" " * 200_000, {}, 413, 200_000),
    (b" " * 50_000, {"Content-Encoding": "br"}, 415, 50_000),
    (gzip.compress(b" " * 50_000 + b"[]"), GZIP, 202, 50_002),
    (gzip.compress(b" " * 50_000), GZIP, 400, 50_000),
    (gzip.compress(bytes(5 << 20)), GZIP, 413, 100_000),
    (gzip.compress(b"") * 2_500 + gzip.compress(b"[]"), GZIP, 202, 50_000),
    (b"[" + b"1," * 25_000 + b"1]", {}, 413, 50_000),
]
"""Bodies with their answer and with the bytes that they cost, of a coded one the larger of both."""


def test_bytes_are_charged_whatever_becomes_of_them(tmp_path: Path) -> None:
    limits = {"quota_bytes_per_second": 10_000, "max_body_bytes": 100_000}
    for edge in serve(settings_of(tmp_path, **limits), LocalFiles(tmp_path / "hdfs")):
        for number, (body, headers, status, charged) in enumerate(CHARGED_BYTES):
            merchant = f"m{number}"
            assert post(edge, body, edge.bearer(merchant=merchant) | headers).status_code == status
            detail, wait = exhausted(edge, merchant)
            assert detail == "more than 10000 bytes a second"
            assert charged // 10_000 - 2 <= wait <= charged // 10_000


CHARGED_EVENTS: list[tuple[bytes, dict[str, str], int, int]] = [
    (b"[]", {}, 202, 1),
    (b"oops", {}, 400, 1),
    (b"[]", {"Content-Encoding": "br"}, 415, 1),
    (b" " * 200_000, {}, 413, 1),
    (encode([event(n, type="x.y") for n in range(30)]), {}, 400, 30),
    (encode([event(n, type="x.y" if n % 2 else "order.placed") for n in range(30)]), {}, 202, 30),
    (b"[" + b"1," * 2_000 + b"1]", {}, 413, 31),
]
"""Bodies with their answer and with the events that they cost: those that were counted, at least one a request."""


def test_events_are_charged_where_they_were_counted_and_one_a_request(tmp_path: Path) -> None:
    limits = {"quota_events_per_second": 5, "max_body_bytes": 100_000, "max_batch_events": 30}
    for edge in serve(settings_of(tmp_path, **limits), LocalFiles(tmp_path / "hdfs")):
        for number, (body, headers, status, charged) in enumerate(CHARGED_EVENTS):
            merchant = f"m{number}"
            for _ in range(1 if charged > 1 else 8):
                answer = post(edge, body, edge.bearer(merchant=merchant) | headers).status_code
                assert answer == status or (charged == 1 and answer == 429)
            detail, wait = exhausted(edge, merchant)
            assert detail == "more than 5 events a second"
            assert 1 <= wait <= max(1, charged // 5)
