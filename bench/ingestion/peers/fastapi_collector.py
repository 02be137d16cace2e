"""The usual Python collector: FastAPI, a pydantic model for each event type, aiokafka with acks=all.

It validates the same types as the edge, remembers verified tokens, and answers once every event is acknowledged. Runs
in ``bench/.venv``, so it imports nothing of ours.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Literal

import jwt
import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Money = Annotated[int, Field(strict=True, ge=0, le=10**13)]
Quantity = Annotated[int, Field(strict=True, ge=1, le=10**6)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Data(BaseModel):
    model_config = ConfigDict(extra="allow")


class PageViewed(Data):
    visitor_id: Text
    session_id: Text
    product_id: Text | None = None
    url: Text | None = None


class CartItemAdded(Data):
    visitor_id: Text
    session_id: Text
    product_id: Text
    quantity: Quantity
    unit_price_minor: Money
    currency: Currency


class CheckoutStarted(Data):
    visitor_id: Text
    session_id: Text
    order_id: Text | None = None


class OrderLine(Data):
    product_id: Text
    quantity: Quantity
    unit_price_minor: Money | None = None
    amount_minor: Money | None = None
    discount_minor: Money | None = None


class OrderPlaced(Data):
    order_id: Text
    currency: Currency
    items: list[OrderLine]
    customer_id: Text | None = None
    visitor_id: Text | None = None
    session_id: Text | None = None
    discount_minor: Money | None = None
    shipping_minor: Money | None = None
    tax_minor: Money | None = None


class OrderCancelled(Data):
    order_id: Text
    reason: Text | None = None
    currency: Currency | None = None
    amount_minor: Money | None = None
    shipping_minor: Money | None = None
    tax_minor: Money | None = None


class Payment(Data):
    payment_id: Text
    order_id: Text
    amount_minor: Money
    currency: Currency
    method: Text | None = None
    latency_ms: Annotated[int, Field(strict=True, ge=0)] | None = None


class FailedPayment(Payment):
    failure_reason: Text


class RefundLine(Data):
    product_id: Text
    quantity: Quantity
    amount_minor: Money


class RefundIssued(Data):
    refund_id: Text
    order_id: Text
    amount_minor: Money
    currency: Currency
    shipping_minor: Money | None = None
    tax_minor: Money | None = None
    items: list[RefundLine] | None = None
    reason: Text | None = None


class Envelope(BaseModel):
    model_config = ConfigDict(extra="allow")
    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=256)]
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    time: datetime


class PageViewedEvent(Envelope):
    type: Literal["page.viewed"]
    data: PageViewed


class CartItemAddedEvent(Envelope):
    type: Literal["cart.item_added"]
    data: CartItemAdded


class CheckoutStartedEvent(Envelope):
    type: Literal["checkout.started"]
    data: CheckoutStarted


class OrderPlacedEvent(Envelope):
    type: Literal["order.placed"]
    data: OrderPlaced


class OrderCancelledEvent(Envelope):
    type: Literal["order.cancelled"]
    data: OrderCancelled


class PaymentSucceededEvent(Envelope):
    type: Literal["payment.succeeded"]
    data: Payment


class PaymentFailedEvent(Envelope):
    type: Literal["payment.failed"]
    data: FailedPayment


class RefundIssuedEvent(Envelope):
    type: Literal["refund.issued"]
    data: RefundIssued


Event = Annotated[
    PageViewedEvent
    | CartItemAddedEvent
    | CheckoutStartedEvent
    | OrderPlacedEvent
    | OrderCancelledEvent
    | PaymentSucceededEvent
    | PaymentFailedEvent
    | RefundIssuedEvent,
    Field(discriminator="type"),
]

TOPIC = os.environ["PEER_TOPIC"]
with open(os.environ["PEER_KEYS"]) as file:
    KEYS = {key["kid"]: jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", **key}) for key in json.load(file)["keys"]}
known: dict[str, tuple[str, int]] = {}
producer: AIOKafkaProducer


async def merchant(authorization: Annotated[str, Header()]) -> str:
    """The token's ``sub``; a token that was verified before is only looked at for its end."""
    token = authorization.removeprefix("Bearer ")
    if token not in known:
        try:
            key = KEYS[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["EdDSA"], options={"verify_aud": False})
        except (jwt.PyJWTError, KeyError) as error:
            raise HTTPException(401, "the token is not valid") from error
        known[token] = (claims["sub"], claims["exp"])
    sub, expires = known[token]
    if expires <= time.time():
        raise HTTPException(401, "the token has expired")
    return sub


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global producer
    producer = AIOKafkaProducer(bootstrap_servers=os.environ["PEER_KAFKA"], acks="all", linger_ms=5)
    await producer.start()
    yield
    await producer.stop()


app = FastAPI(lifespan=lifespan)


@app.post("/v1/events", status_code=202)
async def take(events: list[Event], sub: Annotated[str, Depends(merchant)]) -> dict[str, int]:
    key = sub.encode()
    sent = [await producer.send(TOPIC, event.model_dump_json().encode(), key) for event in events]
    await asyncio.gather(*sent)
    return {"accepted": len(events)}


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning")
