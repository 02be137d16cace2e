"""Why the edge rejects an event. The reasons are part of contract 1 and never change their meaning.

In: the failed check. Out: :class:`RejectedError` while one event is read, then a :class:`Rejection` for the answer and
for quarantine.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    MISSING_FIELD = "missing_field"
    EMPTY_FIELD = "empty_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_LONG = "too_long"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_CURRENCY = "unknown_currency"
    FORBIDDEN_TYPE = "forbidden_type"
    """The token's scope does not allow this type of event."""
    BAD_TIME = "bad_time"
    """Not RFC 3339 with an offset."""
    TIME_OUT_OF_RANGE = "time_out_of_range"
    BAD_SPECVERSION = "bad_specversion"
    BAD_ATTRIBUTE = "bad_attribute"
    """The name or the value of a CloudEvents attribute breaks its rules."""
    BINARY_DATA = "binary_data"
    """``data_base64`` stands beside ``data``: an event has one of them."""
    BAD_BASE64 = "bad_base64"
    """``data_base64`` is not base64 as RFC 4648 has it (section 4, with its padding, nothing else in between)."""
    NOT_JSON_DATA = "not_json_data"
    """``datacontenttype`` is not JSON, or what ``data_base64`` holds is not."""
    DUPLICATE_KEY = "duplicate_key"
    NUL_CHARACTER = "nul_character"
    LONE_SURROGATE = "lone_surrogate"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """The body as a whole; kept in quarantine, answered as a problem."""
    INTERNAL_ERROR = "internal_error"
    """The edge failed while it judged this event. It is our fault, not the event's; the edge's log has the cause."""


class RejectedError(Exception):
    """Raised by the checks of one event; never leaves ``envelope``."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.id: str | None = None
        """The event's, where only the one who raises can see it."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused event. ``index``: its place in the request; ``detail``: the field; ``body``: its bytes."""

    index: int
    id: str | None
    reason: Reason
    detail: str
    body: bytes
