"""Parameters one by one: from the text of a query string to values, or 400 naming the parameter."""

import re
from datetime import UTC, date, datetime

from api.series.buckets import SLOT_MICROS, Grain, first_slot_of_date
from api.series.zones import EARLIEST, LATEST, UnknownZoneError, Zone, zone
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import METRICS, Metric
from lakehouse.http.problems import BadParameterError
from lakehouse.instants import to_micros

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?([Zz]|[+\- ]\d{2}:\d{2})", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def zone_named(name: str) -> Zone:
    try:
        return zone(name)
    except UnknownZoneError as error:
        raise BadParameterError("tz", "must be an IANA time zone, for example America/Sao_Paulo") from error


def moment(name: str, text: str, where: Zone) -> int:
    """Microseconds since 1970 of an instant, or of the begin of a local date: exact, so that moments can be compared
    before they are taken to slots."""
    if _DATE.fullmatch(text):
        try:
            days = (date.fromisoformat(text) - date(1970, 1, 1)).days
        except ValueError as error:
            raise BadParameterError(name, "there is no such date") from error
        if not EARLIEST.year <= int(text[:4]) < LATEST.year + 1:
            raise BadParameterError(name, f"must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
        found = first_slot_of_date(where, days) * SLOT_MICROS
    else:
        known = instant(text)
        if known is None:
            raise BadParameterError(
                name, "must be an instant with an offset (2026-11-23T10:00:00-03:00) or a date (2026-11-23)"
            )
        found = to_micros(known)
    if not to_micros(EARLIEST) <= found <= to_micros(LATEST):
        raise BadParameterError(name, f"must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
    return found


def instant(text: str) -> datetime | None:
    """RFC 3339 with an offset; None if it is not. A blank is taken for a ``+`` that was not escaped."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    offset = offset.replace(" ", "+").upper().replace("Z", "+00:00")
    clock = clock if len(clock) == 8 else f"{clock}:00"
    try:
        found = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{offset}")
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def metrics_named(text: str, parameter: str = "metrics") -> tuple[Metric, ...]:
    names = text.split(",")
    for name in names:
        if name not in METRICS:
            raise BadParameterError(parameter, f"there is no metric {name[:100]!r}; see /v1/metrics")
    if len(set(names)) < len(names):
        raise BadParameterError(parameter, "names a metric twice")
    return tuple(METRICS[name] for name in names)


def currency_code(code: str | None) -> str | None:
    if code is not None and code not in EXPONENTS:
        raise BadParameterError("currency", "must be an ISO 4217 code in upper case, for example BRL")
    return code


def grain_named(text: str) -> Grain:
    try:
        return Grain(text)
    except ValueError as error:
        raise BadParameterError("grain", f"must be one of {', '.join(Grain)}") from error
