"""What of an event's data must be there after the edge: all that was sent, but personal ids and absent fields.

In: a type and data. Out: data to compare: personal ids are hidden, whatever they were; an optional field of the type
that is null is absent. Numbers keep their value to the last digit.
"""

import base64
import json
from decimal import Decimal
from typing import Any

from ingestion.content_headers import ContentMode
from ingestion.event_structs import LINE_PRICES
from ingestion.strict_json import BYTE_ORDER_MARK
from lakehouse.contracts.events import ORDER_LINE, PERSONAL_FIELDS, REFUND_LINE, SHAPES, DataShape, EventType, Kind
from tests.fuzz.requests import Request

LINES = {Kind.ORDER_LINES: (ORDER_LINE, LINE_PRICES), Kind.REFUND_LINES: (REFUND_LINE, ())}


def exact(text: bytes | str) -> Any:
    return json.loads(text, parse_float=Decimal)


def sent_data(request: Request, text: bytes) -> Any:
    """The data of one event of a request, as a value; of binary mode it is the body."""
    if request.mode is ContentMode.BINARY:
        return exact(text)
    event = exact(text)
    if event.get("data_base64") is not None:
        return exact(base64.b64decode(event["data_base64"]).removeprefix(BYTE_ORDER_MARK))
    return event["data"]


def comparable(event_type: str, data: Any) -> Any:
    return _hidden(_present(SHAPES[EventType(event_type)], (), data))


def _present(shape: DataShape, more: tuple[str, ...], data: dict[str, Any]) -> dict[str, Any]:
    absent = {name for name in (*shape.optional, *more) if data.get(name, 0) is None}
    found = {name: value for name, value in data.items() if name not in absent}
    for name, kind in (shape.required | shape.optional).items():
        if kind in LINES and name in found:
            found[name] = [_present(*LINES[kind], line) for line in found[name]]
    return found


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        personal = {name for name in PERSONAL_FIELDS if value.get(name) is not None}
        return {name: "hidden" if name in personal else _hidden(one) for name, one in value.items()}
    return [_hidden(one) for one in value] if isinstance(value, list) else value
