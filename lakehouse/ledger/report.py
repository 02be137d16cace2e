"""The verdict as contract 3 wants it, and as a table for people. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from lakehouse import instants
from lakehouse.contracts.records import Booked
from lakehouse.ledger.judge import COLUMNS, HourLine, Verdict
from lakehouse.ledger.model import Discrepancy, Doubt, Stream, Unproved, show_hour
from lakehouse.ledger.raw_gaps import FILL_BY
from lakehouse.ledger.retirement import Retirement
from lakehouse.ledger.spans import size

_MOST_SHOWN = 20
_RETIRE = "if its disk is gone, `lakehouse edge retire {1} --lost --reason ...`"
_START = "Start the edge again on its folder, or let it reach HDFS if it runs, and it says what it accepted"
_NEXT = {
    Doubt.SILENT: f"{_START}; {_RETIRE}",
    Doubt.NO_LEDGER: f"{_START}; {_RETIRE}",
    Doubt.UNREADABLE: "Mend that file or its permissions, or move it away, and what is missing without it is named. "
    "An edge that lives writes its ledger anew; if it is gone, `lakehouse edge retire {1} --lost --reason ...` "
    "decides without its ledger",
    Doubt.UNSHIPPED: f"An edge that lives ships them once HDFS takes them, see its /readyz; {_RETIRE}",
}
"""What an operator does, by the reason; ``{1}`` is the incarnation."""


def as_document(verdict: Verdict) -> dict[str, Any]:
    """``balanced``, ``unproved``, ``totals``, ``hours``, ``missing`` and, should there ever be some, ``doubled``
    positions."""
    totals = verdict.totals
    return {
        "balanced": verdict.balanced,
        "unproved": [_unproved(one) for one in verdict.unproved],
        "totals": {column: totals[column] for column in COLUMNS},
        "hours": [_hour(line) for line in verdict.hours],
        "missing": [_discrepancy(discrepancy) for discrepancy in verdict.missing],
        "doubled": [_discrepancy(discrepancy) for discrepancy in verdict.doubled],
        "judged_before": _instant(verdict.watermark.instant),
        "held_back_by": list(verdict.watermark.held_back_by),
    }


def as_text(verdict: Verdict) -> str:
    """A table of hours, the totals, and what is wrong."""
    header = f"{'hour':<20} {'':<9}" + "".join(f"{column:>{_width(column)}}" for column in COLUMNS)
    rows = [_row(show_hour(line.hour), _state(line), line.counts) for line in verdict.hours]
    totals = verdict.totals
    rows.append(_row("total", "", totals))
    wrong = [("missing at", discrepancy) for discrepancy in verdict.missing]
    wrong += [("twice in", discrepancy) for discrepancy in verdict.doubled]
    lines = [f"{what} {discrepancy.stage}: {_position(discrepancy)}" for what, discrepancy in wrong[:_MOST_SHOWN]]
    if len(wrong) > _MOST_SHOWN:
        lines.append(f"... and {len(wrong) - _MOST_SHOWN} more; --format json names all of them")
    if gaps := totals["raw_gaps"]:
        lines.append(f"{gaps:,} events are counted and in no raw file. {FILL_BY}")
    lines += unproved_text(verdict.unproved)
    return "\n".join([header, *rows, *lines, _conclusion(verdict)])


def unproved_text(unproved: Iterable[Unproved]) -> list[str]:
    """A line for each edge and reason: which hours, why, and what to do."""
    found: dict[tuple[Stream, Doubt], list[Unproved]] = defaultdict(list)
    for one in unproved:
        found[one.stream, one.reason].append(one)
    return [
        f"unproved: {'/'.join(stream)}, {_hours(several)}: {several[0].detail}. {_NEXT[reason].format(*stream)}"
        for (stream, reason), several in sorted(found.items())
    ]


def _hours(several: list[Unproved]) -> str:
    first, last = show_hour(several[0].hour), show_hour(several[-1].hour)
    return f"hour {first}" if first == last else f"{len(several):,} hours from {first} to {last}"


def retired_document(retirements: Iterable[Retirement]) -> list[dict[str, Any]]:
    """What operators have booked; of ``lost`` and ``raw_gaps`` some may have arrived since."""
    return [
        {
            "edge": one.edge,
            "incarnation": one.incarnation,
            "lost": _size(one.lost),
            "raw_gaps": _size(one.raw_gaps),
            "actor": one.actor,
            "reason": one.reason,
            "retired_at": _instant(one.retired_at),
        }
        for one in retirements
    ]


def retired_text(retirements: Iterable[Retirement]) -> list[str]:
    """A line for each."""
    return [
        "retired: {edge}/{incarnation} at {retired_at} by {actor} ({reason}): {lost:,} events booked as lost, "
        "{raw_gaps:,} as raw gaps".format(**row)
        for row in retired_document(retirements)
    ]


def _size(booked: Iterable[Booked]) -> int:
    return size([one.span for one in booked])


def _conclusion(verdict: Verdict) -> str:
    verdict_text = "balanced" if verdict.balanced else "NOT balanced"
    until = _instant(verdict.watermark.instant)
    judged = f"hours before {until} are judged" if until else "no release is complete through an hour yet"
    held = f" (held back by {', '.join(verdict.watermark.held_back_by)})" if verdict.watermark.held_back_by else ""
    return f"{verdict_text}; {judged}{held}"


def _hour(line: HourLine) -> dict[str, Any]:
    counts = {column: line.counts[column] for column in COLUMNS}
    state = {"judged": line.judged, "balanced": line.balanced, "unproved": line.unproved}
    return {"hour": show_hour(line.hour), **state, **counts}


def _unproved(one: Unproved) -> dict[str, Any]:
    return {
        "hour": show_hour(one.hour),
        "edge": one.edge,
        "incarnation": one.incarnation,
        "reason": str(one.reason),
        "detail": one.detail,
    }


def _discrepancy(discrepancy: Discrepancy) -> dict[str, Any]:
    return {
        "edge": discrepancy.edge,
        "segment": discrepancy.segment,
        "first": discrepancy.first,
        "last": discrepancy.last,
        "station": str(discrepancy.stage),
        "hour": show_hour(discrepancy.hour),
    }


def _position(one: Discrepancy) -> str:
    return f"{one.edge}/{one.segment}/{one.first}-{one.last}, accepted in {show_hour(one.hour)}"


def _state(line: HourLine) -> str:
    if line.unproved:
        return "UNPROVED"
    if not line.judged:
        return "in flight" if line.counts["in_flight"] else "arrived"
    return "ok" if line.balanced else "WRONG"


def _row(name: str, state: str, counts: Any) -> str:
    return f"{name:<20} {state:<9}" + "".join(f"{counts[column]:>{_width(column)},}" for column in COLUMNS)


def _width(column: str) -> int:
    return max(12, len(column) + 1)


def _instant(micros: int | None) -> str | None:
    return None if micros is None else instants.to_text(instants.from_micros(micros))
