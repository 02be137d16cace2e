"""Routes that need no token: the catalogue, the releases, how fresh they are, and whether this process is well."""

from datetime import UTC, datetime

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.calls import Call, Reply, plain, representation
from api.observe import Observed
from api.query import read_nothing, read_page
from api.receipts import stamp, stamp_of_micros
from api.schemas import (
    CatalogueAnswer,
    Health,
    MetricEntry,
    Prepared,
    ReleaseEntry,
    ReleasesAnswer,
    StatusAnswer,
    encode,
)
from api.visible import Visible
from api.warm import Warmer
from lakehouse.contracts.metrics import METRICS
from lakehouse.releases.log import Published

CATALOGUE = CatalogueAnswer(
    [
        MetricEntry(
            name=metric.name,
            title=metric.title,
            unit=metric.unit,
            formula=metric.formula,
            additive=metric.additive,
            error=metric.error,
            by_currency=metric.by_currency,
        )
        for metric in METRICS.values()
    ]
)
_CATALOGUE_JSON = encode(CATALOGUE)


class Facts:
    def __init__(self, visible: Visible, warmer: Warmer, observed: Observed) -> None:
        self._visible = visible
        self._warmer = warmer
        self._observed = observed

    async def catalogue(self, call: Call) -> Reply:
        read_nothing(call.query)
        return representation(call, _CATALOGUE_JSON)

    async def releases(self, call: Call) -> Reply:
        """Newest first, a page at a time."""
        page = read_page(call.query)
        found = self._visible.timeline.newest_first(page.limit + 1, page.before)
        shown = found[: page.limit]
        following = shown[-1].number if len(found) > page.limit else None
        return representation(call, encode(ReleasesAnswer([_entry(one) for one in shown], following)))

    async def status(self, call: Call) -> Reply:
        read_nothing(call.query)
        view = self._visible.current
        if view is None:
            return plain(encode(StatusAnswer(None, None, None, None, None, None, None, [])))
        one = view.published
        answer = StatusAnswer(
            current_release=one.number,
            released_at=stamp(one.released_at),
            complete_through=stamp_of_micros(one.release.complete_through),
            freshness_seconds=max(0, int((datetime.now(UTC) - one.released_at).total_seconds())),
            gold_version=one.release.gold_version,
            held=one.release.held,
            set_aside=one.release.set_aside,
            prepared=[Prepared(version, snapshot) for version, snapshot in self._warmer.prepared.items()],
        )
        return plain(encode(answer))

    async def healthz(self, call: Call) -> Reply:
        return plain(encode(Health("ok")))

    async def readyz(self, call: Call) -> Reply:
        """Ready once the log has been read; a log that is empty, or that cannot be read later, does not end it."""
        if self._visible.read_through is None:
            return plain(encode(Health("the release log has not been read yet")), status=503)
        return plain(encode(Health("ready")))

    async def prometheus(self, call: Call) -> Reply:
        self._observed.show(self._visible)
        return plain(generate_latest(self._observed.registry), CONTENT_TYPE_LATEST)


def _entry(one: Published) -> ReleaseEntry:
    return ReleaseEntry(
        release=one.number,
        released_at=stamp(one.released_at),
        gold_version=one.release.gold_version,
        reason=one.release.reason,
        complete_through=stamp_of_micros(one.release.complete_through),
    )
