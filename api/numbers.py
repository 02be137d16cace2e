"""Routes of one merchant's numbers: who may ask, for which release, what, and in which form, checked in this order.

401, 403 (the same whether or not the merchant exists), 404 and 410, 400, 406. Keeps promise 5: the merchant of every
read is the one that the token was checked against.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from api.answers import metrics_answer
from api.calls import Call, Reply, representation
from api.csv_form import metrics_csv, revisions_csv
from api.negotiation import Media, media_type
from api.query import MetricsQuery, read_metrics_query, read_pointer, read_revisions_query
from api.revisions import revisions_answer
from api.schemas import MetricsAnswer, encode
from api.visible import ReleaseView, Visible
from lakehouse.problems import ForbiddenError, Kind, ProblemError, UnauthorizedError
from lakehouse.settings import Settings
from lakehouse.tokens import MERCHANT_ID, MERCHANT_ID_RULE, Scope, Verifier
from lakehouse.tokens.verify import bearer

LARGE = 3000
"""Values from which an answer is computed beside the event loop."""


class Numbers:
    """Answers for a merchant. One for the process."""

    def __init__(self, visible: Visible, verifier: Verifier, settings: Settings) -> None:
        self._visible = visible
        self._verifier = verifier
        self._max_values = settings.insights.max_values
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="large-answers")

    async def metrics(self, call: Call, merchant: str) -> Reply:
        self.authorize(call, merchant)
        view = await self._visible.find(read_pointer(call.query))
        query = read_metrics_query(call.query, self._max_values)
        media = media_type(call.header(b"accept"))
        if query.size * len(query.metrics) < LARGE:
            return self._metrics(call, view, merchant, query, media)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._metrics, call, view, merchant, query, media)

    async def revisions(self, call: Call, merchant: str) -> Reply:
        self.authorize(call, merchant)
        view = await self._visible.find(read_pointer(call.query))
        query = read_revisions_query(call.query)
        media = media_type(call.header(b"accept"))
        answer = await revisions_answer(self._visible, view, merchant, query, self._threads)
        return representation(call, revisions_csv(answer) if media is Media.CSV else encode(answer), media)

    def _metrics(self, call: Call, view: ReleaseView, merchant: str, query: MetricsQuery, media: Media) -> Reply:
        answer: MetricsAnswer = metrics_answer(view, merchant, query, self._max_values)
        return representation(call, metrics_csv(answer) if media is Media.CSV else encode(answer), media)

    def authorize(self, call: Call, merchant: str) -> None:
        """401; 403 for every merchant but one's own; 404 for what cannot be a merchant."""
        header = call.header(b"authorization")
        if header is None:
            raise UnauthorizedError("send `Authorization: Bearer TOKEN`")
        principal = self._verifier.verify(bearer(header))
        if not principal.has(Scope.INSIGHTS_READ_ANY):
            principal.require(Scope.INSIGHTS_READ)
            if principal.merchant_id != merchant:
                raise ForbiddenError("the token is for another merchant")
        if not MERCHANT_ID.fullmatch(merchant):
            raise ProblemError(Kind.NOT_FOUND, f"a merchant id is {MERCHANT_ID_RULE}")
