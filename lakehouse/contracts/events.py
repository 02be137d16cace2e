"""The event types of contract 1 and the fields of their data.

One row per type: which fields must be there, which may, and what each is. The edge checks against this table, the
models and the generator of test data read it. Unknown fields are kept; unknown types are refused.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a field of ``data`` holds."""

    TEXT = "text"
    MONEY = "money"
    """An integer in minor units, 0 to 10^13."""
    QUANTITY = "quantity"
    """1 to 10^6."""
    CURRENCY = "currency"
    """An ISO 4217 code in upper case."""
    MILLISECONDS = "milliseconds"
    ORDER_LINES = "order_lines"
    REFUND_LINES = "refund_lines"


class EventType(StrEnum):
    PAGE_VIEWED = "page.viewed"
    CART_ITEM_ADDED = "cart.item_added"
    CHECKOUT_STARTED = "checkout.started"
    ORDER_PLACED = "order.placed"
    ORDER_CANCELLED = "order.cancelled"
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    REFUND_ISSUED = "refund.issued"


BROWSER_TYPES = frozenset({EventType.PAGE_VIEWED, EventType.CART_ITEM_ADDED, EventType.CHECKOUT_STARTED})
"""What a token with the scope ``events:write:browser`` may send."""

PERSONAL_FIELDS = ("customer_id", "visitor_id")
"""Replaced by a keyed hash before anything is written."""

MAX_MONEY = 10**13
MAX_QUANTITY = 10**6


@dataclass(frozen=True)
class DataShape:
    """Fields by name. Those of ``required`` must be present; a field that is a key of ``needs`` comes only with the
    field that it names."""

    required: dict[str, Kind]
    optional: dict[str, Kind]
    needs: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    """Fields that are parts of ``amount_minor``: together at most that."""


_BROWSER = {"visitor_id": Kind.TEXT, "session_id": Kind.TEXT}
_PAYMENT = {
    "payment_id": Kind.TEXT,
    "order_id": Kind.TEXT,
    "amount_minor": Kind.MONEY,
    "currency": Kind.CURRENCY,
}
_PAYMENT_OPTIONAL = {"method": Kind.TEXT, "latency_ms": Kind.MILLISECONDS}

SHAPES: dict[EventType, DataShape] = {
    EventType.PAGE_VIEWED: DataShape(_BROWSER, {"product_id": Kind.TEXT, "url": Kind.TEXT}),
    EventType.CART_ITEM_ADDED: DataShape(
        _BROWSER
        | {
            "product_id": Kind.TEXT,
            "quantity": Kind.QUANTITY,
            "unit_price_minor": Kind.MONEY,
            "currency": Kind.CURRENCY,
        },
        {},
    ),
    EventType.CHECKOUT_STARTED: DataShape(_BROWSER, {"order_id": Kind.TEXT}),
    EventType.ORDER_PLACED: DataShape(
        {"order_id": Kind.TEXT, "currency": Kind.CURRENCY, "items": Kind.ORDER_LINES},
        {
            "customer_id": Kind.TEXT,
            "visitor_id": Kind.TEXT,
            "session_id": Kind.TEXT,
            "discount_minor": Kind.MONEY,
            "shipping_minor": Kind.MONEY,
            "tax_minor": Kind.MONEY,
        },
    ),
    EventType.ORDER_CANCELLED: DataShape(
        {"order_id": Kind.TEXT},
        {
            "reason": Kind.TEXT,
            "currency": Kind.CURRENCY,
            "amount_minor": Kind.MONEY,
            "shipping_minor": Kind.MONEY,
            "tax_minor": Kind.MONEY,
        },
        # Money that is taken back has a currency, and its parts are parts of an amount.
        {"amount_minor": "currency", "shipping_minor": "amount_minor", "tax_minor": "amount_minor"},
        parts=("shipping_minor", "tax_minor"),
    ),
    EventType.PAYMENT_SUCCEEDED: DataShape(_PAYMENT, _PAYMENT_OPTIONAL),
    EventType.PAYMENT_FAILED: DataShape(_PAYMENT | {"failure_reason": Kind.TEXT}, _PAYMENT_OPTIONAL),
    EventType.REFUND_ISSUED: DataShape(
        {
            "refund_id": Kind.TEXT,
            "order_id": Kind.TEXT,
            "amount_minor": Kind.MONEY,
            "currency": Kind.CURRENCY,
        },
        {
            "shipping_minor": Kind.MONEY,
            "tax_minor": Kind.MONEY,
            "items": Kind.REFUND_LINES,
            "reason": Kind.TEXT,
        },
        parts=("shipping_minor", "tax_minor"),
    ),
}

ORDER_LINE = DataShape({"product_id": Kind.TEXT, "quantity": Kind.QUANTITY}, {"discount_minor": Kind.MONEY})
"""Besides these, one of ``unit_price_minor`` and ``amount_minor`` (the line's total), both MONEY, must be there."""

REFUND_LINE = DataShape({"product_id": Kind.TEXT, "quantity": Kind.QUANTITY, "amount_minor": Kind.MONEY}, {})
