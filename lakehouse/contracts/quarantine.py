"""What lies in quarantine: who put it there, and the name by which it is shown and replayed.

In: what was refused. Out: its name. A name survives what is done to bronze: it is made of what was refused, and not of
where that lies now (a new generation, another Kafka offset, a second delivery, many refusals in one record).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class Station(StrEnum):
    """Who refused it."""

    EDGE = "edge"
    STREAMING = "streaming"
    MODELS = "models"
    """Accepted, and not counted: set aside, unreadable, or in conflict with one that was accepted before."""


UNREADABLE_BY_MODEL = "unreadable_by_model"
"""The reason where silver has the event and counts nothing of it, as the ledger calls it."""

_DIGITS = 16
_INSTANT = "%Y%m%dT%H%M%S%f"
_EDGE = re.compile(r"(?P<at>[0-9]{8}T[0-9]{9})Z-[0-9a-f]{16}")
_STREAMING = re.compile(r"streaming-(?P<digest>[0-9a-f]{16})")
_POSITION = re.compile(r"(?P<edge>.+)/(?P<segment>[^/]+)/(?P<seq>[0-9]{1,18})")


@dataclass(frozen=True)
class Refused:
    """What names it. ``digest`` is the SHA-256 of its bytes; the position is that of an accepted event."""

    at: datetime
    station: Station
    merchant_id: str | None
    reason: str
    detail: str | None
    id: str | None
    edge: str | None
    digest: bytes | None = None
    segment: str | None = None
    seq: int | None = None

    @property
    def name(self) -> str:
        """An accepted event's is its position, ``edge/segment/sequence``."""
        if self.station is Station.MODELS:
            return f"{self.edge}/{self.segment}/{self.seq}"
        digest = (self.digest or b"").hex()
        if self.station is Station.STREAMING:
            # When it was read is no part of it: another generation reads it again, at another time.
            return f"streaming-{digest[:_DIGITS]}"
        known = msgspec.json.encode([self.merchant_id, self.reason, self.detail, self.id, self.edge, digest])
        instant = self.at.astimezone(UTC).strftime(_INSTANT)[:-3]
        return f"{instant}Z-{hashlib.sha256(known).hexdigest()[:_DIGITS]}"


@dataclass(frozen=True)
class Place:
    """What a name says of where to look: the instant, the first bytes of the digest, or the position."""

    at: datetime | None = None
    digest: str | None = None
    position: tuple[str, str, int] | None = None


def place_of(name: str) -> Place | None:
    """None if nothing can have this name."""
    if match := _POSITION.fullmatch(name):
        return Place(position=(match["edge"], match["segment"], int(match["seq"])))
    if match := _STREAMING.fullmatch(name):
        return Place(digest=match["digest"])
    if match := _EDGE.fullmatch(name):
        try:
            return Place(at=datetime.strptime(f"{match['at']}000", _INSTANT).replace(tzinfo=UTC))
        except ValueError:
            return None
    return None
