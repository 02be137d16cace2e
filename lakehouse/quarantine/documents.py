"""Quarantine as programs read it: the JSON of the command and of the ops API. Pure.

In: counts and entries. Out: plain dicts; instants as text in UTC, bytes in base64 and, where they are text, as text.
"""

import base64
from typing import Any

from lakehouse import instants
from lakehouse.clients.trino import Row
from lakehouse.quarantine.reading import Counts, Entry, Found

Document = dict[str, Any]


def listing(counts: Counts, entries: list[Entry]) -> Document:
    """``counts`` are of all that is asked for, ``entries`` the newest of it."""
    return {
        "total": counts.total,
        "by_reason": [
            {"station": station, "reason": reason, "entries": count}
            for (station, reason), count in counts.by_reason.items()
        ],
        "by_merchant": [{"merchant_id": merchant, "entries": count} for merchant, count in counts.by_merchant.items()],
        "by_hour": [{"hour": instants.to_text(hour), "entries": count} for hour, count in counts.by_hour.items()],
        "entries": [line(entry) for entry in entries],
    }


def line(entry: Entry) -> Document:
    """``replays`` is null where nobody asked for them."""
    refused = entry.refused
    return {
        "entry": refused.name,
        "at": instants.to_text(refused.at),
        "station": str(refused.station),
        "merchant_id": refused.merchant_id,
        "reason": refused.reason,
        "detail": refused.detail,
        "id": refused.id,
        "edge": refused.edge,
        "bytes": entry.size,
        "replays": None if entry.replays is None else list(entry.replays),
    }


def whole(found: Found) -> Document:
    """``text`` is null where the bytes are no UTF-8; ``counted`` what counts in the place of an accepted event."""
    return line(found.entry) | {
        "body": base64.b64encode(found.kept.body).decode(),
        "text": _text(found.kept.body),
        "deliveries": list(found.deliveries),
        "counted": found.counted and _counted(found.counted),
    }


def _counted(row: Row) -> Document:
    differs = [name for name in ("type", "time", "data") if row[name] != row[f"copy_{name}"]]
    return {"position": f"{row['edge']}/{row['segment']}/{row['seq']}", "differs_in": differs}


def _text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
