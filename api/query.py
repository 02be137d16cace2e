"""Parameters of a request, checked. In: a raw query string. Out: frozen values, or 400 naming the parameter.

Which release is asked for comes first and apart (:func:`read_pointer`), because 404 comes before 400.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl

from api.buckets import SLOT, Buckets, Grain, divide, first_slot_of_date
from api.runs import Ints
from api.zones import EARLIEST, LATEST, UnknownZoneError, Zone, zone
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import METRICS, Metric
from lakehouse.problems import Kind, ProblemError

POINTER = ("as_known_at", "release")
METRICS_PARAMETERS = ("metrics", "from", "to", "grain", "tz", "currency", "compare", *POINTER)
REVISIONS_PARAMETERS = ("metric", "start", "grain", "tz", "currency", *POINTER)
RELEASES_PARAMETERS = ("limit", "before")
MAX_RELEASES = 1000

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?([Zz]|[+\- ]\d{2}:\d{2})", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_HOURS = {Grain.HOUR: 1, Grain.DAY: 23, Grain.WEEK: 167, Grain.MONTH: 671}
"""No bucket that is not clipped is shorter, but for clocks that are changed."""


@dataclass(frozen=True)
class Pointer:
    """Which release: the current one, that of a number, that of an instant, or (``problem``) nobody knows."""

    release: int | None = None
    instant: datetime | None = None
    problem: ProblemError | None = None


@dataclass(frozen=True, eq=False)
class MetricsQuery:
    metrics: tuple[Metric, ...]
    zone: Zone
    grain: Grain
    first: int
    last: int
    currency: str | None
    compare: bool

    @property
    def size(self) -> int:
        """About how many values each series of each metric will hold, at most."""
        return _size(self.grain, self.first, self.last)

    @property
    def buckets(self) -> Buckets:
        return divide(self.zone, self.grain, self.first, self.last)


@dataclass(frozen=True, eq=False)
class RevisionsQuery:
    """``edges`` are the two of the bucket."""

    metric: Metric
    zone: Zone
    grain: Grain
    edges: Ints
    currency: str | None


@dataclass(frozen=True)
class Page:
    limit: int
    before: int | None


def bad(parameter: str, detail: str) -> ProblemError:
    return ProblemError(Kind.BAD_PARAMETER, f"{parameter}: {detail}", members={"parameter": parameter})


def read_pointer(raw: bytes) -> Pointer:
    """Never raises: the problem, if any, is answered after 404 has been ruled out."""
    if b"release" not in raw and b"as_known_at" not in raw:
        return Pointer()
    try:
        return _pointer(_pairs(raw))
    except ProblemError as problem:
        return Pointer(problem=problem)


@lru_cache(maxsize=4096)
def read_metrics_query(raw: bytes, max_values: int) -> MetricsQuery:
    given = _parameters(raw, METRICS_PARAMETERS)
    where = _zone(given.get("tz", "UTC"))
    grain = _choice("grain", given.get("grain", Grain.HOUR), Grain)
    begin, end = (_moment(name, _required(given, name), where) for name in ("from", "to"))
    if end <= begin:
        raise bad("to", "must be after `from`")
    first, last = begin // SLOT, -(-end // SLOT)
    if _size(grain, first, last) > max_values:
        raise bad("to", f"an answer holds at most {max_values} values; ask for less at once or a coarser `grain`")
    return MetricsQuery(
        metrics=_metrics(_required(given, "metrics")),
        zone=where,
        grain=grain,
        first=first,
        last=last,
        currency=_currency(given.get("currency")),
        compare=_compare(given.get("compare")),
    )


def read_revisions_query(raw: bytes) -> RevisionsQuery:
    given = _parameters(raw, REVISIONS_PARAMETERS)
    where = _zone(given.get("tz", "UTC"))
    grain = _choice("grain", given.get("grain", Grain.HOUR), Grain)
    first = _moment("start", _required(given, "start"), where) // SLOT
    ahead = divide(where, grain, first - _slots(days=32), first + _slots(days=32)).edges
    if first not in ahead:
        raise bad("start", f"no {grain} begins then in {where.name}; take it from `starts` of an answer")
    metric, *more = _metrics(_required(given, "metric"))
    if more:
        raise bad("metric", "name one metric")
    place = int(ahead.searchsorted(first))
    return RevisionsQuery(metric, where, grain, ahead[place : place + 2], _currency(given.get("currency")))


def read_page(raw: bytes) -> Page:
    given = _parameters(raw, RELEASES_PARAMETERS)
    limit = _number("limit", given.get("limit", "100"))
    if not 1 <= limit <= MAX_RELEASES:
        raise bad("limit", f"must be 1 to {MAX_RELEASES}")
    return Page(limit, _number("before", given["before"]) if "before" in given else None)


def read_nothing(raw: bytes) -> None:
    """For routes without parameters."""
    _parameters(raw, ())


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


def _size(grain: Grain, first: int, last: int) -> int:
    return (last - first) * SLOT // (_HOURS[grain] * 3600)


def _slots(days: int) -> int:
    return int(timedelta(days=days).total_seconds()) // SLOT


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise ProblemError(Kind.BAD_PARAMETER, "the query string cannot be read") from error


def _parameters(raw: bytes, known: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _pairs(raw):
        if name not in known:
            raise bad(name[:100], f"unknown; there are {', '.join(known) or 'no parameters here'}")
        if name in found:
            raise bad(name, "given twice")
        found[name] = value
    return found


def _required(given: dict[str, str], name: str) -> str:
    if name not in given:
        raise bad(name, "is required")
    return given[name]


def _pointer(pairs: list[tuple[str, str]]) -> Pointer:
    given = [(name, value) for name, value in pairs if name in POINTER]
    if len(given) > 1:
        raise bad(given[1][0], "give `as_known_at` or `release`, once")
    if not given:
        return Pointer()
    name, value = given[0]
    if name == "release":
        return Pointer(release=_number(name, value))
    moment = instant(value)
    if moment is None:
        raise bad(name, "must be an instant with an offset, for example 2026-11-23T10:00:00Z")
    return Pointer(instant=moment)


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise bad(name, "must be a whole number")
    return int(text)


def _zone(name: str) -> Zone:
    try:
        return zone(name)
    except UnknownZoneError as error:
        raise bad("tz", "must be an IANA time zone, for example America/Sao_Paulo") from error


def _moment(name: str, text: str, where: Zone) -> int:
    """Seconds since 1970 of an instant, or of the begin of a local date."""
    seconds: float
    if _DATE.fullmatch(text):
        try:
            days = (date.fromisoformat(text) - date(1970, 1, 1)).days
        except ValueError as error:
            raise bad(name, "there is no such date") from error
        if not EARLIEST.year <= int(text[:4]) < LATEST.year + 1:
            raise bad(name, f"must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
        seconds = first_slot_of_date(where, days) * SLOT
    else:
        found = instant(text)
        if found is None:
            raise bad(name, "must be an instant with an offset (2026-11-23T10:00:00-03:00) or a date (2026-11-23)")
        seconds = found.timestamp()
    if not EARLIEST.timestamp() <= seconds <= LATEST.timestamp():
        raise bad(name, f"must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
    return int(seconds // 1) if name != "to" else int(-(-seconds // 1))


def _metrics(text: str) -> tuple[Metric, ...]:
    names = text.split(",")
    for name in names:
        if name not in METRICS:
            raise bad("metrics", f"there is no metric {name[:100]!r}; see /v1/metrics")
    if len(set(names)) < len(names):
        raise bad("metrics", "names a metric twice")
    return tuple(METRICS[name] for name in names)


def _currency(code: str | None) -> str | None:
    if code is not None and code not in EXPONENTS:
        raise bad("currency", "must be an ISO 4217 code in upper case, for example BRL")
    return code


def _compare(text: str | None) -> bool:
    if text not in (None, "previous_period"):
        raise bad("compare", "must be previous_period")
    return text is not None


def _choice(name: str, text: str, choices: type[Grain]) -> Grain:
    try:
        return choices(text)
    except ValueError as error:
        raise bad(name, f"must be one of {', '.join(choices)}") from error
