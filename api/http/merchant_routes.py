"""Routes of one merchant's numbers: who may ask, for which release, what, and in which form, checked in this order.

401, 403 (the same whether or not the merchant exists), 404 and 410, 400, 406. Keeps promise 5: the merchant of every
read is the one that the token was checked against.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.http.csv_answers import metrics_csv, restatements_csv, revisions_csv
from api.http.query import read_metrics_query, read_pointer, read_restatements_query, read_revisions_query
from api.http.representation import Media, media_type, representation
from api.schemas import encode
from api.series.metrics import metrics_answer
from api.series.queries import MetricsQuery
from api.series.restatements import complete_release, restatements_answer
from api.series.revisions import revisions_answer
from api.serving.release_views import ReleaseView, ReleaseViews
from api.serving.restatement_store import RestatementStore
from lakehouse.http.asgi import Request, Response
from lakehouse.http.problems import ForbiddenError, Kind, ProblemError
from lakehouse.settings import Settings
from lakehouse.tokens import MERCHANT_ID, MERCHANT_ID_RULE, Scope, Verifier
from lakehouse.tokens.verify import bearer

LARGE = 3000
"""Values from which an answer is computed beside the event loop."""

A = TypeVar("A")


class MerchantRoutes:
    """Answers for a merchant. One for the process."""

    def __init__(
        self, release_views: ReleaseViews, restatements: RestatementStore, verifier: Verifier, settings: Settings
    ) -> None:
        self._release_views = release_views
        self._restatements = restatements
        self._verifier = verifier
        self._max_values = settings.insights.max_values
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="large-answers")

    async def metrics(self, request: Request) -> Response:
        merchant = self._authorized(request)
        view = await self._release_views.find(read_pointer(request.query))
        query = read_metrics_query(request.query, self._max_values)
        media = media_type(request)
        if query.size * len(query.metrics) < LARGE:
            return self._metrics(request, view, merchant, query, media)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._metrics, request, view, merchant, query, media)

    async def revisions(self, request: Request) -> Response:
        merchant = self._authorized(request)
        view = await self._release_views.find(read_pointer(request.query))
        query = read_revisions_query(request.query)
        media = media_type(request)
        answer = await revisions_answer(self._release_views, view, merchant, query, self._threads)
        return _represented(request, answer, revisions_csv, media)

    async def restatements(self, request: Request) -> Response:
        merchant = self._authorized(request)
        release = await complete_release(self._release_views, self._restatements, read_pointer(request.query))
        query = read_restatements_query(request.query)
        media = media_type(request)
        answer = restatements_answer(self._restatements, self._release_views.timeline, merchant, release, query)
        return _represented(request, answer, restatements_csv, media)

    def _metrics(
        self, request: Request, view: ReleaseView, merchant: str, query: MetricsQuery, media: Media
    ) -> Response:
        return _represented(request, metrics_answer(view, merchant, query, self._max_values), metrics_csv, media)

    def _authorized(self, request: Request) -> str:
        """The merchant of the path. 401; 403 for every merchant but one's own; 404 for what cannot be a merchant."""
        merchant = request.path_parameters["merchant_id"]
        principal = self._verifier.verify(bearer(request.header(b"authorization") or ""))
        if not principal.has(Scope.INSIGHTS_READ_ANY):
            principal.require(Scope.INSIGHTS_READ)
            if principal.merchant_id != merchant:
                raise ForbiddenError("the token is for another merchant")
        if not MERCHANT_ID.fullmatch(merchant):
            raise ProblemError(Kind.NOT_FOUND, f"a merchant id is {MERCHANT_ID_RULE}")
        return merchant


def _represented(request: Request, answer: A, as_csv: Callable[[A], bytes], media: Media) -> Response:
    return representation(request, as_csv(answer) if media is Media.CSV else encode(answer), media)
