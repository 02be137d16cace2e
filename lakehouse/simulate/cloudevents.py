"""What a shop would send about a visit: CloudEvents 1.0 of contract 1, as dicts.

In: a shop and a visit. Out: events in the order of the visit. Ids are functions of what happened, so that sending
a visit twice sends the same events twice.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lakehouse.contracts.events import EventType
from lakehouse.simulate.shop import Line, Order, Refund, Shop, Visit

CloudEvent = dict[str, Any]


def cloudevent(source: str, kind: EventType, id_: str, at: datetime, data: dict[str, Any]) -> CloudEvent:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": kind.value,
        "time": at.isoformat(),
        "data": data,
    }


def events_of(shop: Shop, visit: Visit) -> Iterator[CloudEvent]:
    """Every event of the visit, and of the order that it led to."""
    who = {"visitor_id": visit.visitor_id, "session_id": visit.session_id}
    key = visit.session_id

    def event(kind: EventType, id_: str, at: datetime, data: dict[str, Any]) -> CloudEvent:
        return cloudevent(shop.source, kind, id_, at, data)

    for n, (at, product) in enumerate(visit.views):
        page = who | {"product_id": product.product_id, "url": f"/products/{product.product_id}"}
        yield event(EventType.PAGE_VIEWED, f"{key}-view-{n}", at, page)
    for n, (at, line) in enumerate(visit.carts):
        cart = who | _line(line) | {"currency": shop.currency}
        cart.pop("discount_minor", None)
        yield event(EventType.CART_ITEM_ADDED, f"{key}-cart-{n}", at, cart)
    order = visit.order
    if visit.checkout_at:
        checkout = who | ({"order_id": order.order_id} if order else {})
        yield event(EventType.CHECKOUT_STARTED, f"{key}-checkout", visit.checkout_at, checkout)
    if order:
        yield from _order_events(shop, who, order)


def _order_events(shop: Shop, who: dict[str, str], order: Order) -> Iterator[CloudEvent]:
    yield cloudevent(
        shop.source, EventType.ORDER_PLACED, f"{order.order_id}-placed", order.at, _placed(shop, who, order)
    )
    for payment in order.payments:
        data = {
            "payment_id": payment.payment_id,
            "order_id": order.order_id,
            "amount_minor": order.total,
            "currency": shop.currency,
            "method": payment.method,
            "latency_ms": payment.latency_ms,
        }
        kind = EventType.PAYMENT_FAILED if payment.failure else EventType.PAYMENT_SUCCEEDED
        data |= {"failure_reason": payment.failure} if payment.failure else {}
        yield cloudevent(shop.source, kind, f"{payment.payment_id}-pay", payment.at, data)
    if order.refund:
        data = _refunded(shop, order, order.refund)
        yield cloudevent(shop.source, EventType.REFUND_ISSUED, order.refund.refund_id, order.refund.at, data)
    if order.cancelled_at:
        data = _cancelled(shop, order)
        yield cloudevent(shop.source, EventType.ORDER_CANCELLED, f"{order.order_id}-gone", order.cancelled_at, data)


def _line(line: Line) -> dict[str, Any]:
    data = {
        "product_id": line.product.product_id,
        "quantity": line.quantity,
        "unit_price_minor": line.product.price,
    }
    return data | ({"discount_minor": line.discount} if line.discount else {})


def _placed(shop: Shop, who: dict[str, str], order: Order) -> dict[str, Any]:
    return who | {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "currency": shop.currency,
        "items": [_line(line) for line in order.lines],
        "discount_minor": order.discount,
        "shipping_minor": order.shipping,
        "tax_minor": order.tax,
    }


def _refunded(shop: Shop, order: Order, refund: Refund) -> dict[str, Any]:
    item = {
        "product_id": refund.line.product.product_id,
        "quantity": refund.quantity,
        "amount_minor": refund.goods,
    }
    return {
        "refund_id": refund.refund_id,
        "order_id": order.order_id,
        "amount_minor": refund.goods + refund.shipping + refund.tax,
        "currency": shop.currency,
        "shipping_minor": refund.shipping,
        "tax_minor": refund.tax,
        "items": [item],
        "reason": "customer_request",
    }


def _cancelled(shop: Shop, order: Order) -> dict[str, Any]:
    if not order.cancelled_with_money:
        return {"order_id": order.order_id, "reason": "out_of_stock"}
    return {
        "order_id": order.order_id,
        "reason": "customer_request",
        "currency": shop.currency,
        "amount_minor": order.total,
        "shipping_minor": order.shipping,
        "tax_minor": order.tax,
    }
