"""Shops and their visits by chance, always the same for the same seed.

In: a seed, a number of merchants, a span of time. Out: shops of unequal size in several zones and currencies (yen
without and dinars with three decimals), and their visits, with the evening's peak of each shop's own zone. Nothing
happens at or after the span's end.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from lakehouse.simulate.shop import Line, Order, Payment, Product, Refund, Shop, Visit

_PLACES = (
    ("America/Sao_Paulo", "BRL", 100, 0),
    ("Europe/London", "GBP", 100, 20),
    ("Europe/Berlin", "EUR", 100, 19),
    ("America/New_York", "USD", 100, 8),
    ("Asia/Tokyo", "JPY", 1, 10),
    ("Asia/Kuwait", "KWD", 1000, 0),
    ("Asia/Kolkata", "INR", 100, 18),
    ("Asia/Kathmandu", "NPR", 100, 13),
    ("Australia/Adelaide", "AUD", 100, 10),
    ("America/St_Johns", "CAD", 100, 15),
)
_METHODS = ("card", "wallet", "bank_transfer", "voucher")
_FAILURES = ("insufficient_funds", "card_declined", "expired_card", "timeout")


def shops(seed: int, merchants: int, visits_per_day: float) -> list[Shop]:
    """The n-th shop has 1/n of the first one's visits; ``visits_per_day`` is the mean over all of them."""
    scale = visits_per_day * merchants / sum(1 / n for n in range(1, merchants + 1))
    return [_shop(Random(f"{seed}/shop/{n}"), n, scale / n) for n in range(1, merchants + 1)]


def visits(shop: Shop, seed: int, start: datetime, end: datetime) -> Iterator[Visit]:
    """The visits of a shop, in the order of their beginning."""
    random = Random(f"{seed}/visits/{shop.merchant_id}")
    zone = ZoneInfo(shop.zone)
    mean_gap = 86_400 / shop.visits_per_day
    at = start
    while (at := at + timedelta(seconds=1 + random.expovariate(1 / mean_gap))) < end:
        if random.random() < _busyness(at.astimezone(zone).hour):
            yield _visit(random, shop, at.replace(microsecond=0), end)


def _busyness(hour: int) -> float:
    """Between 0.2 in the early morning and 1 at eight in the evening, local time."""
    return 0.6 + 0.4 * math.cos((hour - 20) * math.pi / 12)


def _shop(random: Random, n: int, visits_per_day: float) -> Shop:
    zone, currency, minor, tax = _PLACES[(n - 1) % len(_PLACES)]
    cents = [random.randint(199, 29_999) for _ in range(random.randint(8, 40))]
    products = tuple(Product(f"p-{n}-{i}", max(1, price * max(minor, 100) // 100)) for i, price in enumerate(cents))
    # Busyness drops four visits of ten.
    return Shop(f"shop-{n:03d}", zone, currency, minor, tax, visits_per_day / 0.6, products)


def _visit(random: Random, shop: Shop, at: datetime, end: datetime) -> Visit:
    views = []
    for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
        if at < end:
            views.append((at, random.choice(shop.products)))
        at += timedelta(seconds=random.randint(5, 240))
    visit = Visit(f"v-{random.getrandbits(40):010x}", f"s-{random.getrandbits(64):016x}", tuple(views))
    if random.random() > 0.3 or at >= end:
        return visit
    return _fill_cart(random, shop, visit, at, end)


def _fill_cart(random: Random, shop: Shop, visit: Visit, at: datetime, end: datetime) -> Visit:
    carts = []
    for product in random.sample(shop.products, random.choice((1, 1, 1, 2, 3))):
        if at < end:
            quantity = random.choice((1, 1, 1, 2, 5))
            discount = quantity * product.price // 10 if random.random() < 0.15 else 0
            carts.append((at, Line(product, quantity, discount)))
        at += timedelta(seconds=random.randint(5, 90))
    visit = replace(visit, carts=tuple(carts))
    if random.random() < 0.4 or at >= end:
        return visit
    visit = replace(visit, checkout_at=at)
    at += timedelta(seconds=random.randint(30, 300))
    if random.random() < 0.2 or at >= end:
        return visit
    return replace(visit, order=_order(random, shop, visit, at, end))


def _order(random: Random, shop: Shop, visit: Visit, at: datetime, end: datetime) -> Order:
    lines = tuple(line for _, line in visit.carts)
    goods = sum(line.amount - line.discount for line in lines)
    discount = goods // 20 if random.random() < 0.1 else 0
    shipping = random.choice((0, 0, 5, 9, 15)) * shop.minor_per_major
    tax = (goods - discount) * shop.tax_percent // 100
    order_id = f"o-{random.getrandbits(48):012x}"
    payments = tuple(p for p in _payments(random, order_id, at) if p.at < end)
    customer = f"c-{random.randint(1, max(2, int(shop.visits_per_day)))}"
    order = Order(at, order_id, customer, lines, discount, shipping, tax, payments)
    return _after(random, order, at, end)


def _payments(random: Random, order_id: str, at: datetime) -> Iterator[Payment]:
    method = random.choice(_METHODS)
    failures = random.choice((0,) * 12 + (1, 1, 2))
    for attempt in range(failures + 1):
        at += timedelta(seconds=random.randint(1, 60))
        latency = int(random.lognormvariate(5.5, 0.6))
        failure = random.choice(_FAILURES) if attempt < failures else None
        yield Payment(at, f"{order_id}-{attempt}", method, latency, failure)


def _after(random: Random, order: Order, at: datetime, end: datetime) -> Order:
    """Two orders of a hundred are cancelled, six have a line refunded, some days later."""
    fate = random.random()
    later = at + timedelta(seconds=random.randint(600, 6 * 86_400))
    if later >= end or fate >= 0.08:
        return order
    if fate < 0.02:
        return replace(order, cancelled_at=later, cancelled_with_money=random.random() < 0.7)
    return replace(order, refund=_refund(random, order, later))


def _refund(random: Random, order: Order, at: datetime) -> Refund:
    line = random.choice(order.lines)
    quantity = random.randint(1, line.quantity)
    goods = min((line.amount - line.discount) * quantity // line.quantity, order.goods)
    tax = order.tax * goods // order.goods if order.goods else 0
    shipping = order.shipping if random.random() < 0.3 else 0
    return Refund(at, f"r-{order.order_id}", line, quantity, goods, shipping, tax)
