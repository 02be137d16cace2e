"""Routes that need no token: the catalogue, the releases, how fresh they are, and whether this process is well."""

from api.http.query import read_nothing, read_page
from api.http.representation import representation, uncached
from api.http.telemetry import Telemetry
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
from api.serving.cache_warmer import CacheWarmer
from api.serving.receipts import stamp, stamp_of_micros
from api.serving.release_views import ReleaseViews
from lakehouse.contracts.metrics import METRICS
from lakehouse.http.asgi import Request, Response
from lakehouse.http.telemetry import exposition
from lakehouse.instants import now
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


class PublicRoutes:
    def __init__(self, release_views: ReleaseViews, cache_warmer: CacheWarmer, telemetry: Telemetry) -> None:
        self._release_views = release_views
        self._cache_warmer = cache_warmer
        self._telemetry = telemetry

    async def catalogue(self, request: Request) -> Response:
        read_nothing(request.query)
        return representation(request, _CATALOGUE_JSON)

    async def releases(self, request: Request) -> Response:
        """Newest first, a page at a time."""
        page = read_page(request.query)
        found = self._release_views.timeline.newest_first(page.limit + 1, page.before)
        shown = found[: page.limit]
        following = shown[-1].number if len(found) > page.limit else None
        return representation(request, encode(ReleasesAnswer([_entry(one) for one in shown], following)))

    async def status(self, request: Request) -> Response:
        read_nothing(request.query)
        view = self._release_views.current
        if view is None:
            return uncached(encode(StatusAnswer(None, None, None, None, None, None, None, [])))
        one = view.published
        answer = StatusAnswer(
            current_release=one.number,
            released_at=stamp(one.released_at),
            complete_through=stamp_of_micros(one.release.complete_through),
            freshness_seconds=max(0, int((now() - one.released_at).total_seconds())),
            gold_version=one.release.gold_version,
            held=one.release.held,
            set_aside=one.release.set_aside,
            prepared=[Prepared(version, snapshot) for version, snapshot in self._cache_warmer.prepared.items()],
        )
        return uncached(encode(answer))

    async def healthz(self, request: Request) -> Response:
        return uncached(encode(Health("ok")))

    async def readyz(self, request: Request) -> Response:
        """Ready once the log has been read; a log that is empty, or that cannot be read later, does not end it."""
        if self._release_views.read_through is None:
            return uncached(encode(Health("the release log has not been read yet")), status=503)
        return uncached(encode(Health("ready")))

    async def prometheus(self, request: Request) -> Response:
        self._telemetry.show(self._release_views)
        return exposition(self._telemetry.registry)


def _entry(one: Published) -> ReleaseEntry:
    return ReleaseEntry(
        release=one.number,
        released_at=stamp(one.released_at),
        gold_version=one.release.gold_version,
        kind=one.release.kind,
        complete_through=stamp_of_micros(one.release.complete_through),
    )
