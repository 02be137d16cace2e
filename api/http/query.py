"""Parameters of a request, checked. In: a raw query string. Out: frozen values, or 400 naming the parameter.

Which release is asked for comes first and apart (:func:`read_pointer`), because 404 comes before 400.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from api.http.parameters import (
    currency_code,
    grain_named,
    instant,
    metrics_named,
    moment,
    zone_named,
)
from api.series.buckets import SLOT, SLOT_MICROS, Grain, divide
from api.series.queries import MetricsQuery, RevisionsQuery, most_buckets
from api.series.zones import EARLIEST, LATEST
from api.serving.restatement_store import RestatementsQuery
from api.serving.timeline import Pointer
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.http.parameters import number, pairs, parameters, required
from lakehouse.http.problems import BadParameterError, ProblemError
from lakehouse.instants import to_micros

POINTER = ("as_known_at", "release")
METRICS_PARAMETERS = ("metrics", "from", "to", "grain", "tz", "currency", "compare", *POINTER)
REVISIONS_PARAMETERS = ("metric", "start", "grain", "tz", "currency", *POINTER)
RELEASES_PARAMETERS = ("limit", "before")
RESTATEMENTS_PARAMETERS = ("since_release", "after", "from", "to", "metric", "limit", *POINTER)
MAX_RELEASES = 1000
MAX_RESTATEMENTS = 10_000


@dataclass(frozen=True)
class Page:
    limit: int
    before: ReleaseNumber | None


def read_pointer(raw: bytes) -> Pointer:
    """Never raises: the problem, if any, is answered after 404 has been ruled out."""
    if b"release" not in raw and b"as_known_at" not in raw and b"%" not in raw:  # a name may be percent-encoded
        return Pointer()
    try:
        return _pointer(pairs(raw))
    except ProblemError as problem:
        return Pointer(problem=problem)


@lru_cache(maxsize=4096)
def read_metrics_query(raw: bytes, max_values: int) -> MetricsQuery:
    given = parameters(raw, METRICS_PARAMETERS)
    where = zone_named(given.get("tz", "UTC"))
    grain = grain_named(given.get("grain", Grain.HOUR))
    begin, end = (moment(name, required(given, name), where) for name in ("from", "to"))
    if end <= begin:
        raise BadParameterError("to", "must be after `from`")
    first, last = begin // SLOT_MICROS, -(-end // SLOT_MICROS)
    if most_buckets(grain, first, last) > max_values:
        raise BadParameterError(
            "to", f"an answer holds at most {max_values} values; ask for less at once or a coarser `grain`"
        )
    return MetricsQuery(
        metrics=metrics_named(required(given, "metrics")),
        zone=where,
        grain=grain,
        first=first,
        last=last,
        currency=currency_code(given.get("currency")),
        compare=_compare(given.get("compare")),
    )


def read_revisions_query(raw: bytes) -> RevisionsQuery:
    given = parameters(raw, REVISIONS_PARAMETERS)
    where = zone_named(given.get("tz", "UTC"))
    grain = grain_named(given.get("grain", Grain.HOUR))
    begin = moment("start", required(given, "start"), where)
    first = begin // SLOT_MICROS
    ahead = divide(where, grain, first - _slots(days=32), first + _slots(days=32)).edges
    if begin % SLOT_MICROS or first not in ahead:
        raise BadParameterError("start", f"no {grain} begins then in {where.name}; take it from `starts` of an answer")
    metric, *more = metrics_named(required(given, "metric"), "metric")
    if more:
        raise BadParameterError("metric", "name one metric")
    place = int(ahead.searchsorted(first))
    return RevisionsQuery(metric, where, grain, ahead[place : place + 2], currency_code(given.get("currency")))


def read_page(raw: bytes) -> Page:
    given = parameters(raw, RELEASES_PARAMETERS)
    limit = number("limit", given.get("limit", "100"), 1, MAX_RELEASES)
    return Page(limit, ReleaseNumber(number("before", given["before"])) if "before" in given else None)


def read_restatements_query(raw: bytes) -> RestatementsQuery:
    given = parameters(raw, RESTATEMENTS_PARAMETERS)
    if "after" in given and "since_release" in given:
        raise BadParameterError("after", "give `after` or `since_release`")
    after, skip = (
        _restatement_cursor(given["after"])
        if "after" in given
        else (ReleaseNumber(number("since_release", given.get("since_release", "0")) + 1), 0)
    )
    where = zone_named("UTC")
    begin, end = (
        moment(name, given[name], where) if name in given else to_micros(limit)
        for name, limit in (("from", EARLIEST), ("to", LATEST))
    )
    if end <= begin:
        raise BadParameterError("to", "must be after `from`")
    limit = number("limit", given.get("limit", "1000"), 1, MAX_RESTATEMENTS)
    first, last = (-(-edge // SLOT_MICROS) for edge in (begin, end))
    return RestatementsQuery(after, skip, first, last, _one_additive(given.get("metric")), limit)


def read_nothing(raw: bytes) -> None:
    """For routes without parameters."""
    parameters(raw, ())


def _slots(days: int) -> int:
    return int(timedelta(days=days).total_seconds()) // SLOT


def _pointer(given: list[tuple[str, str]]) -> Pointer:
    given = [(name, value) for name, value in given if name in POINTER]
    if len(given) > 1:
        raise BadParameterError(given[1][0], "give `as_known_at` or `release`, once")
    if not given:
        return Pointer()
    name, value = given[0]
    if name == "release":
        return Pointer(release=ReleaseNumber(number(name, value)))
    known_at = instant(value)
    if known_at is None:
        raise BadParameterError(
            name, "must be an instant of the years 1 to 9999 (UTC), with an offset: 2026-11-23T10:00:00Z"
        )
    return Pointer(instant=known_at)


def _restatement_cursor(text: str) -> tuple[ReleaseNumber, int]:
    release, dot, skip = text.partition(".")
    if not dot:
        raise BadParameterError("after", "must be `next` of an answer")
    return ReleaseNumber(number("after", release)), number("after", skip)


def _one_additive(text: str | None) -> str | None:
    if text is None:
        return None
    metric, *more = metrics_named(text, "metric")
    if more or not metric.additive:
        raise BadParameterError("metric", "name one additive metric; the others follow from these")
    return metric.name


def _compare(text: str | None) -> bool:
    if text not in (None, "previous_period"):
        raise BadParameterError("compare", "must be previous_period")
    return text is not None
