"""The OpenAPI description of ``/v1/events``: the hot route is no FastAPI route, so it is described here.

In: the contract's tables. Out: the path in the document that FastAPI generates.
"""

from fastapi import FastAPI

from ingestion.content_headers import BATCH_TYPE, EVENT_TYPE
from ingestion.rejections import Reason
from lakehouse.contracts.events import SHAPES
from lakehouse.http.openapi import NEEDS_TOKEN, Json, extend, in_query, problem_responses, reference, response
from lakehouse.http.problems import Kind
from lakehouse.tokens import MERCHANT_ID_RULE

EVENTS_PATH = "/v1/events"
_PROBLEMS = (
    Kind.UNREADABLE_BODY,
    Kind.ALL_REJECTED,
    Kind.UNAUTHORIZED,
    Kind.FORBIDDEN,
    Kind.TIMEOUT,
    Kind.TOO_LARGE,
    Kind.UNSUPPORTED_MEDIA_TYPE,
    Kind.QUOTA_EXCEEDED,
    Kind.HEAD_TOO_LARGE,
    Kind.UNAVAILABLE,
)
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "See /problems."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "rejected": {"type": "array", "items": reference("Rejected")},
    },
}
_RETRY_AFTER: Json = {"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}}
_REJECTED: Json = {
    "type": "object",
    "required": ["index", "id", "reason", "detail"],
    "properties": {
        "index": {"type": "integer"},
        "id": {"type": ["string", "null"], "description": "As it was sent, up to 256 characters."},
        "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
        "detail": {"type": "string", "description": "The field, as `data.currency`."},
    },
}
_RECEIPT: Json = {
    "type": "object",
    "properties": {
        "edge": {"type": "string"},
        "segment": {"type": ["string", "null"]},
        "first": {"type": ["integer", "null"]},
        "last": {"type": ["integer", "null"]},
        "durable": {"type": "string", "enum": ["kafka", "disk"]},
    },
}
_TAKEN: Json = {
    "type": "object",
    "required": ["accepted", "rejected", "receipt"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "array", "items": reference("Rejected")},
        "receipt": reference("EventsReceipt"),
    },
}
_EVENT: Json = {
    "type": "object",
    "description": "A CloudEvent 1.0 (JSON format). Fields of `data` by type: "
    + "; ".join(f"{name}: {', '.join(shape.required)}" for name, shape in SHAPES.items()),
    "required": ["specversion", "id", "source", "type", "time"],
    "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 1024},
        "type": {"type": "string", "enum": [name.value for name in SHAPES]},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object", "description": "Unknown fields are kept; an optional one that is null is absent."},
        "data_base64": {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "application/json",
            "description": "The same object as JSON in base64, in the place of `data`.",
        },
    },
}
_SCHEMAS = {
    "CloudEvent": _EVENT,
    "EventsTaken": _TAKEN,
    "EventsReceipt": _RECEIPT,
    "Rejected": _REJECTED,
    "Problem": _PROBLEM,
}


def describe(app: FastAPI) -> None:
    """Adds the path to the document that the application generates."""
    extend(app, _SCHEMAS, {EVENTS_PATH: {"post": _operation()}})


def _operation() -> Json:
    event = reference("CloudEvent")
    batch = {"type": "array", "maxItems": 1000, "items": event}
    return {
        "tags": ["events"],
        "summary": "Send events",
        "description": "One CloudEvent, a batch, or CloudEvents' binary mode (`ce-` headers, JSON body). "
        "gzip or zstd as Content-Encoding, of any number of members or frames; a byte order mark is skipped. "
        "A valid `traceparent` header, with `tracestate`, becomes an extension of the events that have none. "
        "Repeating a request with the same ids is harmless. The merchant is the token's `sub`: "
        f"{MERCHANT_ID_RULE}. There is a quota of events and one of bytes a second, before or after decompression, "
        "whichever are more; what is refused is charged, too.",
        "operationId": "send_events",
        "security": NEEDS_TOKEN,
        "parameters": [in_query("token", "text/plain only")],
        "requestBody": {
            "required": True,
            "content": {
                BATCH_TYPE: {"schema": batch},
                EVENT_TYPE: {"schema": event},
                "application/json": {"schema": {"type": "object"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "202": response("Every accepted event is durable.", reference("EventsTaken")),
            **_problems(),
        },
    }


def _problems() -> Json:
    """The two that are worth sending again say when."""
    found = problem_responses(_PROBLEMS, reference("Problem"))
    for kind in (Kind.QUOTA_EXCEEDED, Kind.UNAVAILABLE):
        found[str(kind.status)]["headers"] = {"Retry-After": _RETRY_AFTER}
    return found
