"""Revisions: the values that one bucket of one metric has had, from its first final one on.

In: the releases up to one, a merchant, a bucket. Out: one entry where the value became final, and one for each release
that changed it since. Read from the history of values itself, so it cannot disagree with ``as_known_at``.

Releases beyond retention are told of too, as long as their gold version is shown by one within: else the body would
move with the clock, and a later value would pass for the first.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor

from api.buckets import SLOT, SLOT_MICROS, clock, local_stamps
from api.copies import TableCopy
from api.figures import Value
from api.lines import Figures, Line, lines_of
from api.parameters import bad
from api.query import RevisionsQuery
from api.receipts import stamp
from api.runs import snapshots_at
from api.schemas import Revision, RevisionsAnswer
from api.visible import ReleaseView, Visible
from lakehouse.releases.log import Published
from lakehouse.releases.restated import REASONS

FIRST_FINAL = "first_final"
"""The reason of the first entry: the bucket's end had been passed by ``complete_through``."""
OLDEST_KEPT = "oldest_kept"
"""The reason of the first entry where the bucket was final before, in releases whose gold version is gone."""


async def revisions_answer(
    visible: Visible, view: ReleaseView, merchant: str, query: RevisionsQuery, threads: Executor
) -> RevisionsAnswer:
    end_micros = int(query.edges[-1]) * SLOT_MICROS
    releases = list(_from_final_on(visible.timeline.through(view.published), end_micros))
    views = await visible.history(releases)
    first_reason = FIRST_FINAL if views and views[0].published is releases[0] else OLDEST_KEPT
    line = _line([*views, view], merchant, query)
    revisions = await asyncio.get_running_loop().run_in_executor(
        threads, lambda: list(_changes(views, merchant, line, query, first_reason))
    )
    begin, end = local_stamps(clock(query.zone, query.grain), query.edges * SLOT)
    return RevisionsAnswer(
        merchant_id=merchant,
        metric=line.metric.name,
        unit=line.metric.unit,
        currency=line.currency,
        exponent=line.exponent,
        grain=query.grain,
        tz=query.zone.name,
        begin=begin,
        end=end,
        revisions=revisions,
        receipt=view.receipt,
    )


def _line(views: Iterable[ReleaseView], merchant: str, query: RevisionsQuery) -> Line:
    """The one line that all the views have. Amounts of several currencies are never summed: not those that another gold
    version knew either."""
    richest: dict[int, ReleaseView] = {}
    for view in sorted(views, key=lambda view: view.snapshot):
        richest[view.published.release.gold_version] = view  # rows are only ever added to a version
    lines = {line for view in richest.values() for line in lines_of(view, merchant, query.metric, query.currency)}
    if len(lines) > 1:
        lines -= {Line(query.metric, None)}
    if len(lines) > 1:
        codes = ", ".join(sorted(str(line.currency) for line in lines))
        raise bad("currency", f"is required, for the merchant has amounts in {codes}")
    return lines.pop()


def _from_final_on(releases: Iterable[Published], end_micros: int) -> Iterator[Published]:
    """A release that was published before, but completes less (a rollback), does not make the value unfinal."""
    final = False
    for one in releases:
        final = final or (one.release.complete_through or -1) >= end_micros
        if final:
            yield one


def _changes(
    views: Iterable[ReleaseView], merchant: str, line: Line, query: RevisionsQuery, first_reason: str
) -> Iterator[Revision]:
    """Values are computed once for each snapshot that wrote rows of the bucket: those are few, and releases many."""
    computed: dict[tuple[int, bool, int], Value] = {}
    written: dict[TableCopy, list[int]] = {}
    first, end = int(query.edges[0]), int(query.edges[-1])
    last: Value = None
    for number, view in enumerate(views):
        copy, newest = view.tables.get(line.metric.table), view.snapshot
        if copy is not None:
            if copy not in written:
                written[copy] = snapshots_at(copy.runs, merchant.encode(), first, end).tolist()
            newest = bisect_right(written[copy], view.snapshot)
        key = (view.published.release.gold_version, copy is None, newest)
        if key not in computed:
            computed[key] = Figures(view, merchant, [line.metric], query.edges).of(line)[0]
        if number == 0 or computed[key] != last:
            last = computed[key]
            yield _revision(view.published, last, first_reason if number == 0 else None)


def _revision(published: Published, value: Value, reason: str | None) -> Revision:
    own = published.release.reason
    why = reason or REASONS.get(own, own)
    return Revision(value, published.number, stamp(published.released_at), why)  # type: ignore[arg-type]
