"""The answer of `/restatements`: each final number of a merchant that a later release changed, oldest first.

In: a checked query and a release. Out: a page of changes, with the receipt of that release. A body is a function of
(release, query) here too: a release is answered for once its restatements are complete, and until then the newest one
that is complete stands for the current one. A client that keeps ``receipt.release`` and asks again with it as
``since_release`` misses nothing.
"""

from datetime import timedelta
from decimal import Decimal

from api.schemas import RestatementEntry, RestatementsAnswer
from api.series.aggregation import Value
from api.serving.receipts import receipt, stamp
from api.serving.release_views import ReleaseViews
from api.serving.restatement_store import Restatement, RestatementsQuery, RestatementStore
from api.serving.timeline import Pointer, Timeline
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import METRICS, Unit
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.instants import EPOCH
from lakehouse.releases.log import Published
from lakehouse.releases.restated import REASONS

_SLOT = timedelta(minutes=15)
_INT64 = 1 << 63


async def complete_release(release_views: ReleaseViews, store: RestatementStore, pointer: Pointer) -> Published:
    """The release that is meant, or the newest that is complete; 503 for one that is not complete yet."""
    published = await release_views.named(pointer)
    if store.through is not None and published.number <= store.through:
        return published
    if store.through is None or pointer != Pointer():
        detail = f"the restatements of release {published.number} are being looked for"
        raise ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
    return release_views.timeline.numbered(store.through)


def restatements_answer(
    store: RestatementStore, timeline: Timeline, merchant: str, release: Published, query: RestatementsQuery
) -> RestatementsAnswer:
    rows = store.page(merchant, query, release.number)
    page = rows[: query.limit]
    return RestatementsAnswer(
        merchant_id=merchant,
        restatements=[_entry(timeline, row) for row in page],
        next=_cursor(page, query) if len(rows) > len(page) else None,
        receipt=receipt(release),
    )


def _cursor(page: list[Restatement], query: RestatementsQuery) -> str:
    """The last release of the page, and how many of its rows have been shown by now."""
    last = page[-1].release
    shown = sum(row.release == last for row in page) + (query.skip if last == query.after else 0)
    return f"{last}.{shown}"


def _entry(timeline: Timeline, row: Restatement) -> RestatementEntry:
    published, metric = timeline.numbered(row.release), METRICS[row.metric]
    reason = published.release.kind
    money = metric.unit is Unit.MONEY and bool(row.currency)
    return RestatementEntry(
        release=row.release,
        released_at=stamp(published.released_at),
        reason=REASONS.get(reason, reason),
        metric=row.metric,
        unit=metric.unit,
        currency=row.currency or None,
        exponent=EXPONENTS.get(row.currency) if money else None,
        grain=row.grain,
        start=stamp(EPOCH + row.start * _SLOT),
        hours=row.hours,
        old_value=_plain(row.old_value),  # type: ignore[arg-type]
        new_value=_plain(row.new_value),  # type: ignore[arg-type]
        change=_plain(row.new_value - row.old_value),  # type: ignore[arg-type]
    )


def _plain(value: int) -> Value:
    """As a number on the wire: the encoder takes 64 bits, and decimals of any size."""
    return value if -_INT64 <= value < _INT64 else Decimal(value)
