"""The event types as msgspec structs, made from the table in ``lakehouse.contracts.events``.

In: the table. Out: the decoders :data:`EVENT` and :data:`BATCH`. What decodes is right in every field, has no field
that the table does not name, and no extension: the decoder has checked it in one pass. Everything else, right or
wrong, is for ``validate``. The fields are in alphabetical order, so both paths give the same bytes for ``data``.
"""

from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType, defstruct

from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.events import (
    MAX_MONEY,
    MAX_QUANTITY,
    ORDER_LINE,
    PERSONAL_FIELDS,
    REFUND_LINE,
    SHAPES,
    DataShape,
    EventType,
    Kind,
)

MAX_ID = 256
MAX_SOURCE = 1024
LINE_PRICES = ("amount_minor", "unit_price_minor")
"""An order line has at least one of them."""

_Text = Annotated[str, Meta(min_length=1)]
_CurrencyCode = Literal[tuple(sorted(EXPONENTS))]  # type: ignore[valid-type]


def _name(text: str) -> str:
    return "".join(part.title() for part in text.replace(".", "_").split("_"))


def _struct(name: str, shape: DataShape) -> Any:
    """A struct of a shape: optional fields may be absent, unknown ones are refused."""
    rows: list[Any] = [(field, TYPES[kind]) for field, kind in shape.required.items()]
    rows += [(field, TYPES[kind] | UnsetType, UNSET) for field, kind in shape.optional.items()]
    return defstruct(
        name, sorted(rows, key=lambda row: str(row[0])), kw_only=True, forbid_unknown_fields=True, module=__name__
    )


TYPES: dict[Kind, Any] = {
    Kind.TEXT: _Text,
    Kind.MONEY: Annotated[int, Meta(ge=0, le=MAX_MONEY)],
    Kind.QUANTITY: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)],
    Kind.CURRENCY: _CurrencyCode,
    Kind.MILLISECONDS: Annotated[int, Meta(ge=0, le=MAX_MONEY)],
}
_PRICED_LINE = DataShape(ORDER_LINE.required, ORDER_LINE.optional | dict.fromkeys(LINE_PRICES, Kind.MONEY))
TYPES[Kind.ORDER_LINES] = list[_struct("OrderLine", _PRICED_LINE)]  # type: ignore[misc]
TYPES[Kind.REFUND_LINES] = list[_struct("RefundLine", REFUND_LINE)]  # type: ignore[misc]


class Attributes(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="type", gc=False):
    """The CloudEvents attributes of an event without extensions."""

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
    source: Annotated[str, Meta(min_length=1, max_length=MAX_SOURCE)]
    time: str
    datacontenttype: Literal["application/json"] | UnsetType = UNSET
    subject: _Text | UnsetType = UNSET
    dataschema: _Text | UnsetType = UNSET
    data: Any


def _event(event_type: EventType, shape: DataShape) -> Any:
    data = _struct(_name(event_type) + "Data", shape)
    return defstruct(
        _name(event_type), [("data", data)], bases=(Attributes,), kw_only=True, tag=event_type.value, module=__name__
    )


_STRUCTS = {event_type: _event(event_type, shape) for event_type, shape in SHAPES.items()}
_ANY: Any = Union[tuple(_STRUCTS.values())]  # noqa: UP007
EVENT: Any = msgspec.json.Decoder(_ANY)
BATCH: Any = msgspec.json.Decoder(list[_ANY])


def _personal(shape: DataShape) -> tuple[str, ...]:
    return tuple(name for name in PERSONAL_FIELDS if name in shape.required | shape.optional)


TRAITS: dict[type, tuple[str, tuple[str, ...], bool, DataShape | None]] = {
    struct: (
        event_type.value,
        _personal(SHAPES[event_type]),
        event_type is EventType.ORDER_PLACED,
        SHAPES[event_type] if SHAPES[event_type].parts else None,
    )
    for event_type, struct in _STRUCTS.items()
}
"""Of each struct: its type, the personal fields that its data may have, whether its lines need a price, and
its shape if money is taken back in parts."""
