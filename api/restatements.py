"""The feed of restatements: each final number of a merchant that a later release changed, oldest first.

In: a checked query and a release. Out: a page of changes, with the receipt of that release. A body is a function of
(release, query) here too: a release is answered for once its restatements are complete, and until then the newest one
that is complete stands for the current one. A client that keeps ``receipt.release`` and asks again with it as
``since_release`` misses nothing.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from api.calls import Call, Reply, representation
from api.csv_form import restatements_csv
from api.figures import Value
from api.negotiation import Media, media_type
from api.numbers import Numbers
from api.query import Pointer, RestatementsQuery, read_pointer, read_restatements_query
from api.receipts import receipt, stamp
from api.restated import Restated, Restatement
from api.schemas import RestatementEntry, RestatementsAnswer, encode
from api.timeline import Timeline
from api.visible import Visible
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import METRICS, Unit
from lakehouse.problems import Kind, ProblemError
from lakehouse.releases.log import Published
from lakehouse.releases.restated import REASONS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SLOT = timedelta(minutes=15)
_INT64 = 1 << 63


class Restatements:
    """Answers for a merchant. ``numbers`` knows who may ask."""

    def __init__(self, numbers: Numbers, visible: Visible, restated: Restated) -> None:
        self._numbers = numbers
        self._visible = visible
        self._restated = restated

    async def feed(self, call: Call, merchant: str) -> Reply:
        self._numbers.authorize(call, merchant)
        release = await self._release(read_pointer(call.query))
        query = read_restatements_query(call.query)
        media = media_type(call.header(b"accept"))
        answer = self._answer(merchant, release, query)
        return representation(call, restatements_csv(answer) if media is Media.CSV else encode(answer), media)

    async def _release(self, pointer: Pointer) -> Published:
        """The one that is meant, or the newest that is complete; 503 for one that is not yet."""
        published = await self._visible.named(pointer)
        through = self._restated.through
        if through is not None and published.number <= through:
            return published
        if through is None or pointer != Pointer():
            detail = f"the restatements of release {published.number} are being looked for"
            raise ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
        return self._visible.timeline.numbered(through)

    def _answer(self, merchant: str, release: Published, query: RestatementsQuery) -> RestatementsAnswer:
        rows = self._restated.page(merchant, query, release.number)
        page = rows[: query.limit]
        return RestatementsAnswer(
            merchant_id=merchant,
            restatements=[_entry(self._visible.timeline, row) for row in page],
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
    reason = published.release.reason
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
        start=stamp(_EPOCH + row.start * _SLOT),
        hours=row.hours,
        old_value=_plain(row.old_value),  # type: ignore[arg-type]
        new_value=_plain(row.new_value),  # type: ignore[arg-type]
        change=_plain(row.new_value - row.old_value),  # type: ignore[arg-type]
    )


def _plain(value: int) -> Value:
    """As a number on the wire: the encoder takes 64 bits, and decimals of any size."""
    return value if -_INT64 <= value < _INT64 else Decimal(value)
