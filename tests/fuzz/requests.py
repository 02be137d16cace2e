"""A round as the requests that carry its events: every mode of contract 1, as bytes.

In: a seed and about how many events. Out: :class:`Request` after request, each what ``Envelope.read`` is given; the
same for the same seed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ingestion.content_headers import ContentMode
from ingestion.fast_decode import Sender
from ingestion.trace_context import trace_context
from lakehouse.contracts.events import BROWSER_TYPES
from tests.fuzz import breaks, spelling
from tests.fuzz.shop import Shop, in_base64

Headers = list[tuple[bytes, bytes]]
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_BYTES = 1 << 20
_MERCHANTS = ("a", "a", "a", "A", "-", "_" * 64)
"""How names end, which are cut at what a token's subject may have."""
_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_TRACES = (None, None, None, trace_context(_PARENT, None), trace_context(_PARENT, "shop=7,a@b= x!"))


@dataclass(frozen=True)
class Request:
    """``events`` are the bytes of its events, in order; of binary mode, those of its data."""

    mode: ContentMode
    body: bytes
    headers: Headers
    sender: Sender
    events: tuple[bytes, ...]
    is_torn: bool = False
    """Its bytes may be no JSON: then all of it may be refused."""


def requests(seed: int, events: int) -> Iterator[Request]:
    chance = random.Random(seed)
    shop, made = Shop(chance), 0
    while made < events:
        request = _request(chance, shop, f"f{seed}", min(events - made, chance.choice((1, 1, 2, 10, 40, 100))))
        made += len(request.events)
        yield request


def _request(chance: random.Random, shop: Shop, name: str, most: int) -> Request:
    merchant = f"{name}.{chance.choice(_MERCHANTS)}"[:64]
    mode = (
        chance.choice((*[ContentMode.BATCH] * 3, ContentMode.BEACON, ContentMode.SINGLE, ContentMode.BINARY))
        if most > 1
        else chance.choice(list(ContentMode))
    )
    types = frozenset(map(str, BROWSER_TYPES)) if mode is ContentMode.BEACON and chance.random() < 0.1 else None
    sender = Sender(merchant, types, may_replay=chance.random() < 0.1, trace=chance.choice(_TRACES))
    events = [shop.event() for _ in range(most if mode in (ContentMode.BATCH, ContentMode.BEACON) else 1)]
    if mode is ContentMode.BINARY:
        return _binary(chance, events[0], sender)
    spelled = _within(MOST_BYTES, [_spelled(chance, event) for event in events])
    if mode is ContentMode.SINGLE or (mode is ContentMode.BEACON and len(spelled) == 1 and chance.random() < 0.5):
        return _torn(chance, Request(mode, spelled[0], [], sender, (spelled[0],)))
    body = b"[" + b",".join(spelled) + b"]"
    return Request(
        mode,
        chance.choice((b"", b"", BYTE_ORDER_MARK)) + body + chance.choice((b"", b"\r\n ")),
        [],
        sender,
        tuple(spelled),
    )


def _within(most: int, spelled: list[bytes]) -> list[bytes]:
    """As many as a body may have."""
    while sum(map(len, spelled)) + len(spelled) + 8 > most:
        spelled = spelled[: len(spelled) // 2]
    return spelled


def _spelled(chance: random.Random, event: dict[str, Any]) -> bytes:
    if chance.random() < 0.05:
        event = in_base64(event, chance)
    return spelling.plain(event) if chance.random() < 0.6 else spelling.odd(event, chance)


def _torn(chance: random.Random, request: Request) -> Request:
    if chance.random() > 0.25:
        return request
    body = chance.choice((breaks.torn, breaks.with_a_key_twice))(chance, request.body)
    return Request(request.mode, body, [], request.sender, (body,), is_torn=True)


def _binary(chance: random.Random, event: dict[str, Any], sender: Sender) -> Request:
    """Attributes are texts there; the SDKs percent-encode what is not plain ASCII, and some quote it."""
    data = spelling.odd(event.pop("data", None), chance)
    headers = []
    for name, value in event.items():
        text = value if isinstance(value, str) else spelling.plain(value).decode("utf-8", "replace")
        if chance.random() < 0.1 and text.isprintable():
            # As SDKs send it that encode nothing.
            headers.append((f"ce-{name}".lower().encode("utf-8", "replace"), text.encode("latin-1", "replace")))
            continue
        encoded = quote(text.encode("utf-8", "surrogatepass"), safe=chance.choice(("", "/:,")))
        encoded = f'"{encoded}"' if chance.random() < 0.2 else encoded
        headers.append((f"ce-{name}".lower().encode("utf-8", "replace"), encoded.encode()))
    return Request(ContentMode.BINARY, data, headers, sender, (data,))
