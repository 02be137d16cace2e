"""The paths of the operator's door, in one table; the OpenAPI document is made from it too.

In: a :class:`Desk`. Out: routes, each with what it takes and what it says of itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.http.problems import Kind
from lakehouse.transform.ops_api import requests, upload
from lakehouse.transform.ops_api.handlers import Desk, Reply
from lakehouse.transform.ops_api.request import Asked

MOST_JSON = 16 << 10
TAR = "application/x-tar"
JSON = "application/json"
Handler = Callable[[Asked], Reply]


@dataclass(frozen=True)
class Route:
    """``query`` maps parameters to what they mean; ``takes`` is the body's type, bytes for an archive; ``kinds`` are
    the problems that may be its answer, besides those of any route."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: str
    takes: type | None = None
    query: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Kind, ...] = ()

    @property
    def media_type(self) -> str:
        return TAR if self.takes is bytes else JSON

    @property
    def most_bytes(self) -> int:
        """Of the body."""
        return upload.MOST_BYTES if self.takes is bytes else MOST_JSON


def routes(desk: Desk) -> tuple[Route, ...]:
    limit = (("limit", "So many, newest first; at most 1000."),)
    compared = (
        ("against", "The release to compare it with; the current one without it."),
        ("top", "Merchants, hours."),
    )
    version = "/v1/ops/gold-versions/{gold_version}"
    missing = (Kind.NOT_FOUND,)
    return (
        _order("reprocess", desk.reprocess, "Build history anew", requests.Reprocess),
        _order("promote", desk.promote, "Show readers a candidate", requests.Promote),
        _order("rollback", desk.rollback, "Take a promote back", requests.Rollback),
        _order("drop", desk.drop, "Drop a candidate", requests.Drop),
        Route(
            "POST",
            "/v1/ops/definitions",
            desk.store_definition,
            "Freeze a dbt project (a plain tar of its files)",
            "201: its fingerprint, for `definition` of a reprocess.",
            bytes,
            kinds=(Kind.UNREADABLE_BODY,),
        ),
        Route("GET", "/v1/ops/orders", desk.orders, "Orders", "What was asked, and what became of it.", query=limit),
        Route(
            "GET", "/v1/ops/orders/{order}", desk.order, "One order", "Its state, progress and result.", kinds=missing
        ),
        Route("GET", "/v1/ops/releases", desk.releases, "Releases", "Who, when and why.", query=limit),
        Route("GET", "/v1/ops/gold-versions", desk.gold_versions, "Gold versions", "Standing and progress of each."),
        Route("GET", version, desk.gold_version, "One gold version", "Standing and progress.", kinds=missing),
        Route(
            "GET",
            f"{version}/diff",
            desk.diff,
            "What it would change for readers, in rows and in money",
            "JSON, or with `Accept: text/html` a page.",
            query=compared,
            kinds=(Kind.NOT_FOUND, Kind.NOT_ACCEPTABLE, Kind.CONFLICT),
        ),
    )


def _order(verb: str, handler: Handler, summary: str, wish: type) -> Route:
    answers = "202: the order is durable; watch it at `Location`."
    kinds = (Kind.UNREADABLE_BODY, Kind.CONFLICT)
    return Route("POST", f"/v1/ops/{verb}", handler, summary, answers, wish, kinds=kinds)
