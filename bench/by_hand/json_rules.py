"""The edge's JSON rules (``ingestion/strict_json.py``) beside decoders that do not have them.

In: nothing. Out: how long one order of ten lines takes to be read by each, and what each
accepts of texts that contract 1 refuses.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from bench.figures import Figure
from bench.rounds import interleaved, spread
from ingestion import strict_json

EVENTS = 2_000
LINE = {"product_id": "coffee-500g", "quantity": 2, "unit_price_minor": 2490, "note": "gemahlen, für Filter"}
ORDER = {
    "specversion": "1.0",
    "id": "order-4711",
    "source": "/shop/de",
    "type": "order.placed",
    "time": "2026-11-23T10:00:00.123456Z",
    "data": {"order_id": "4711", "currency": "EUR", "items": [LINE] * 10, "rate": 1.07},
}
TEXT = json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")).encode()
REFUSED = {
    "a key twice": b'{"amount": 1, "amount": 2}',
    "NUL": b'{"a": "\\u0000"}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "digits beyond a double": b'{"a": 0.12345678901234567890123}',
}
"""The last is accepted by contract 1, and must keep its digits."""
CONTENDERS: dict[str, Callable[[bytes], Any]] = {
    "ours, the fast way": strict_json.loads_fast,
    "ours, the careful way": strict_json.loads,
    "json of Python": json.loads,
    "msgspec": msgspec.json.decode,
    "orjson": orjson.loads,
}


def measure(rounds: int, say: Callable[[str], None]) -> list[Figure]:
    spreads = interleaved({name: _round(read) for name, read in CONTENDERS.items()}, rounds, say)
    return [
        Figure(name, f"an order of {len(TEXT):,} bytes", "µs", spread([each * 1_000_000 for each in one.samples]))
        for name, one in spreads.items()
    ]


def kept_rules() -> dict[str, list[str]]:
    """Which rules each keeps."""
    return {
        name: [rule for rule, text in REFUSED.items() if _keeps(read, rule, text)] for name, read in CONTENDERS.items()
    }


def _keeps(read: Callable[[bytes], Any], rule: str, text: bytes) -> bool:
    try:
        value = read(text)
    except Exception:  # each library has its own
        return True
    return rule == "digits beyond a double" and text[6:-1].decode() in str(value)


def _round(read: Callable[[bytes], Any]) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        for _ in range(EVENTS):
            read(TEXT)
        return (time.perf_counter() - began) / EVENTS

    return seconds
