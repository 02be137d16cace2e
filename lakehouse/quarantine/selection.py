"""Which entries an operator means: by name, or by what they have in common.

In: texts of a command or a query. Out: a :class:`Where`, or :class:`RefusedError` with what is wrong. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from lakehouse.contracts.quarantine import Place, Station, place_of
from lakehouse.errors import RefusedError
from lakehouse.instants import bound


@dataclass(frozen=True)
class Where:
    """None is anything. ``since`` is included, ``until`` is not; both are of when an entry was refused, of an accepted
    event of when it was accepted."""

    reason: str | None = None
    merchant: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    station: Station | None = None

    @classmethod
    def of(
        cls,
        *,
        reason: str | None = None,
        merchant: str | None = None,
        since: str | None = None,
        until: str | None = None,
        station: str | None = None,
    ) -> "Where":
        first, end = _instant("since", since), _instant("until", until)
        if first is not None and end is not None and end <= first:
            raise RefusedError("until must be after since")
        return cls(reason, merchant, first, end, _station(station))


TERMS = tuple(field.name for field in fields(Where))


@dataclass(frozen=True)
class Named:
    """Entries by name, each with where to look."""

    places: dict[str, Place]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Named":
        found = {name: place_of(name) for name in names}
        wrong = [name for name, place in found.items() if place is None]
        if wrong:
            raise RefusedError(f"{', '.join(wrong)}: no entry has such a name; `lakehouse quarantine list` shows them")
        return cls({name: place for name, place in found.items() if place is not None})


Selection = Where | Named


def where_of(terms: Iterable[str]) -> Where:
    """Of ``reason=missing_field``, ``merchant=shop-1`` and so on, each at most once."""
    said: dict[str, str] = {}
    for term in terms:
        name, equals, value = term.partition("=")
        if name not in TERMS or not equals or not value:
            raise RefusedError(f"{term!r} is no condition: write NAME=VALUE, with one of {', '.join(TERMS)}")
        if name in said:
            raise RefusedError(f"{name} is given twice; all conditions must hold")
        said[name] = value
    return Where.of(**said)


def _instant(name: str, text: str | None) -> datetime | None:
    instant = bound(name, text)
    return None if instant is None else instant.astimezone(UTC)


def _station(text: str | None) -> Station | None:
    try:
        return None if text is None else Station(text)
    except ValueError as error:
        raise RefusedError(f"station is one of {', '.join(Station)}") from error
