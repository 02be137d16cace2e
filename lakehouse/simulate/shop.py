"""What happens in a shop, as plain values: the common source of the generated events and of their truth.

Money is an integer in the currency's minor unit. Instants are aware, UTC, whole seconds.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Product:
    """An article and its price without tax."""

    product_id: str
    price: int


@dataclass(frozen=True)
class Shop:
    """A merchant: where it is, what it sells in which currency, how much happens there."""

    merchant_id: str
    zone: str
    currency: str
    minor_per_major: int
    tax_percent: int
    visits_per_day: float
    products: tuple[Product, ...]

    @property
    def source(self) -> str:
        return f"/shops/{self.merchant_id}"


@dataclass(frozen=True)
class Line:
    """An order line. ``discount`` is what the line's price is lowered by, in all."""

    product: Product
    quantity: int
    discount: int = 0

    @property
    def amount(self) -> int:
        return self.quantity * self.product.price


@dataclass(frozen=True)
class Payment:
    """An attempt to pay. ``failure`` is None where it succeeded."""

    at: datetime
    payment_id: str
    method: str
    latency_ms: int
    failure: str | None = None


@dataclass(frozen=True)
class Refund:
    """Money given back: ``goods`` without the parts ``shipping`` and ``tax``. ``quantity`` of one line."""

    at: datetime
    refund_id: str
    line: Line
    quantity: int
    goods: int
    shipping: int
    tax: int


@dataclass(frozen=True)
class Order:
    """An order with all that followed. ``cancelled_with_money`` says whether the cancellation gave it back."""

    at: datetime
    order_id: str
    customer_id: str
    lines: tuple[Line, ...]
    discount: int
    shipping: int
    tax: int
    payments: tuple[Payment, ...]
    cancelled_at: datetime | None = None
    cancelled_with_money: bool = False
    refund: Refund | None = None

    @property
    def goods(self) -> int:
        """What the goods cost after all discounts."""
        return sum(line.amount - line.discount for line in self.lines) - self.discount

    @property
    def total(self) -> int:
        return self.goods + self.shipping + self.tax


@dataclass(frozen=True)
class Visit:
    """One visitor's session: pages in order, then perhaps carts, a checkout and an order."""

    visitor_id: str
    session_id: str
    views: tuple[tuple[datetime, Product], ...]
    carts: tuple[tuple[datetime, Line], ...] = ()
    checkout_at: datetime | None = None
    order: Order | None = None
