"""The paths of the ops API, in one table; the OpenAPI document is made from it too.

In: a :class:`Handlers`. Out: routes, each with what it takes and what it says of itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.http.asgi import Response
from lakehouse.http.problems import Kind
from lakehouse.transform.ops_api import requests, upload
from lakehouse.transform.ops_api.handlers import Handlers
from lakehouse.transform.ops_api.request import OpsRequest

MOST_JSON = 16 << 10
TAR = "application/x-tar"
JSON = "application/json"
Handler = Callable[[OpsRequest], Response]


@dataclass(frozen=True)
class Route:
    """``query`` maps parameters to what they mean; ``takes`` is the body's type, bytes for an archive; ``kinds`` are
    the problems that may be its answer, besides those of any route; ``texts`` are parameters that are no numbers;
    ``plans`` says that a dry run is answered at once."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: str
    takes: type | None = None
    query: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Kind, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    plans: bool = True

    @property
    def media_type(self) -> str:
        return TAR if self.takes is bytes else JSON

    @property
    def most_bytes(self) -> int:
        """Of the body."""
        return upload.MOST_BYTES if self.takes is bytes else MOST_JSON


_LIMIT = (("limit", "So many, newest first; at most 1000."),)
_COMPARED = (
    ("against", "The release to compare it with; the current one without it."),
    ("top", "Merchants, hours."),
)
_VERSION = "/v1/ops/gold-versions/{gold_version}"
_MISSING = (Kind.NOT_FOUND,)


def routes(handlers: Handlers) -> tuple[Route, ...]:
    return (*_operations(handlers), *_quarantine(handlers), *_edges(handlers), *_releases(handlers))


def _operations(handlers: Handlers) -> tuple[Route, ...]:
    """What an operator requests, and what became of it."""
    return (
        _operation("reprocess", handlers.reprocess, "Build history anew", requests.Reprocess),
        _operation("promote", handlers.promote, "Show readers a candidate", requests.Promote),
        _operation("rollback", handlers.rollback, "Take a promote back", requests.Rollback),
        _operation("drop", handlers.drop, "Drop a candidate", requests.Drop),
        Route(
            "POST",
            "/v1/ops/definitions",
            handlers.store_definition,
            "Freeze a dbt project (a plain tar of its files)",
            "201: its fingerprint, for `definition` of a reprocess.",
            bytes,
            kinds=(Kind.UNREADABLE_BODY,),
        ),
        Route(
            "GET",
            "/v1/ops/operations",
            handlers.operations,
            "Operations",
            "What was requested, and what became of it.",
            query=_LIMIT,
        ),
        Route(
            "GET",
            "/v1/ops/operations/{operation}",
            handlers.operation,
            "One operation",
            "Its state, progress and result.",
            kinds=_MISSING,
        ),
    )


def _quarantine(handlers: Handlers) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            "/v1/ops/quarantine",
            handlers.quarantined,
            "What was refused",
            "Counts by reason, merchant and hour, and the newest entries.",
            query=(*_LIMIT, ("replays", "1: say which were sent again; looks through all events since.")),
            texts=(
                ("reason", "Only with this reason."),
                ("merchant", "Only of this merchant."),
                ("since", "From this instant or UTC day on."),
                ("until", "Before this instant or UTC day."),
                ("station", "`edge`, `streaming` or `models`."),
            ),
        ),
        # the name of an accepted event is its position, which has slashes
        Route(
            "GET",
            "/v1/ops/quarantine/{entry:path}",
            handlers.entry,
            "One entry",
            "All that is known of it, and the bytes that were sent, in base64.",
            kinds=_MISSING,
        ),
        _operation("quarantine/replay", handlers.replay, "Send it again", requests.QuarantineReplay, plans=False),
    )


def _edges(handlers: Handlers) -> tuple[Route, ...]:
    every = ("all", "1: also those that have closed; they owe nothing.")
    summary, answers = "Edges", "Each incarnation that still accepts or owes something, as it says of itself."
    return (
        Route("GET", "/v1/ops/edges", handlers.edges, summary, answers, query=(every,)),
        _operation("edges/retire", handlers.retire, "Give up a lost edge", requests.EdgeRetire, plans=False),
    )


def _releases(handlers: Handlers) -> tuple[Route, ...]:
    """What there is to publish, and what was published."""
    return (
        Route("GET", "/v1/ops/releases", handlers.releases, "Releases", "Who, when and why.", query=_LIMIT),
        Route("GET", "/v1/ops/gold-versions", handlers.gold_versions, "Gold versions", "Status and progress of each."),
        Route("GET", _VERSION, handlers.gold_version, "One gold version", "Status and progress.", kinds=_MISSING),
        Route(
            "GET",
            f"{_VERSION}/diff",
            handlers.diff,
            "What it would change for readers, in rows and in money",
            "JSON, or with `Accept: text/html` a page.",
            query=_COMPARED,
            kinds=(Kind.NOT_FOUND, Kind.NOT_ACCEPTABLE, Kind.CONFLICT),
        ),
    )


def _operation(verb: str, handler: Handler, summary: str, request: type, *, plans: bool = True) -> Route:
    answers = "202: the operation is durable; watch it at `Location`."
    kinds = (Kind.UNREADABLE_BODY, Kind.CONFLICT)
    return Route("POST", f"/v1/ops/{verb}", handler, summary, answers, request, kinds=kinds, plans=plans)
