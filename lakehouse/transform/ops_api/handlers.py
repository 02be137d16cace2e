"""What each request of an operator gets, without HTTP.

In: an :class:`OpsRequest`. Out: a response, or a problem. Operations are only written down here; ``wake`` tells
the dispatcher.
"""

import threading
from collections.abc import Callable
from datetime import timedelta

import msgspec

from lakehouse import instants
from lakehouse.clients.files import Files
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.http.asgi import Headers, Response
from lakehouse.http.negotiation import preferred
from lakehouse.http.parameters import number
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.ledger.edge_list import list_edges
from lakehouse.quarantine import documents
from lakehouse.quarantine.reading import Quarantine
from lakehouse.quarantine.selection import TERMS, Where
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import new_nonce
from lakehouse.releases.version_status import VersionState, version_states
from lakehouse.releases.versions import Versions
from lakehouse.transform.backfill.progress import ProgressFile
from lakehouse.transform.ops_api import differences, requests, responses, upload
from lakehouse.transform.ops_api.differences import Differences
from lakehouse.transform.ops_api.operations import Operation, Operations, new_id, now
from lakehouse.transform.ops_api.plans import Plans
from lakehouse.transform.ops_api.request import OpsRequest, number_of

_MOST_LISTED = 1000
_LISTED = 100
_JSON, _HTML = "application/json", "text/html"
_VARY = (b"vary", b"Accept")
_TYPE_JSON = (b"content-type", _JSON.encode())
_PAGE: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    ),
    _VARY,
]


class Handlers:
    """One method for each route. Safe for several threads."""

    def __init__(
        self,
        files: Files,
        layout: Layout,
        compared: Differences,
        plans: Plans,
        quarantine: Quarantine,
        wake: Callable[[], None],
        silent_after: timedelta,
    ) -> None:
        self._files = files
        self._layout = layout
        self._compared = compared
        self._plans = plans
        self._quarantine = quarantine
        self._wake = wake
        self._silent_after = silent_after
        self._operations = Operations(files, layout)
        self._versions = Versions(files, layout)
        self._log = ReleaseLog(files, layout)
        self._log_lock = threading.Lock()

    def reprocess(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.Reprocess))

    def promote(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.Promote))

    def rollback(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.Rollback))

    def drop(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.Drop))

    def replay(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.QuarantineReplay))

    def quarantined(self, request: OpsRequest) -> Response:
        given = request.parameters(*TERMS, "limit", "replays")
        limit = number("limit", given.pop("limit", str(_LISTED)), 1, _MOST_LISTED)
        replays = number("replays", given.pop("replays", "0"), 0, 1) == 1
        try:
            where = Where.of(**given)
        except RefusedError as error:
            raise ProblemError(Kind.BAD_PARAMETER, str(error)) from error
        entries = self._quarantine.newest(where, limit, replays=replays)
        return _json(documents.listing(self._quarantine.counts(where, limit), entries))

    def entry(self, request: OpsRequest) -> Response:
        found = self._quarantine.find(request.http.path_parameters["entry"])
        if found is None:
            raise ProblemError(Kind.NOT_FOUND, "there is no such entry; see /v1/ops/quarantine")
        request.parameters()
        return _json(documents.whole(found))

    def retire(self, request: OpsRequest) -> Response:
        return self._submit(request, requests.read(request.body, requests.EdgeRetire))

    def edges(self, request: OpsRequest) -> Response:
        closed = number("all", request.parameters("all").get("all", "0"), 0, 1) == 1
        found = list_edges(self._files, self._layout, instants.now(), self._silent_after, closed=closed)
        return _json({"edges": [one.document() for one in found]})

    def store_definition(self, request: OpsRequest) -> Response:
        request.parameters()
        return _json({"fingerprint": upload.store(self._files, self._layout, request.body)}, status=201)

    def operation(self, request: OpsRequest) -> Response:
        try:
            given = self._operations.get(_operation_id(request))
        except NotFoundError as error:
            raise ProblemError(Kind.NOT_FOUND, "there is no such operation") from error
        request.parameters()
        return _json(self._document(given))

    def operations(self, request: OpsRequest) -> Response:
        found = self._operations.newest(_limit(request))
        return _json({"operations": [self._document(self._operations.get(operation)) for operation in found]})

    def releases(self, request: OpsRequest) -> Response:
        found = self._releases()[::-1][: _limit(request)]
        return _json({"releases": [responses.release(published) for published in found]})

    def gold_versions(self, request: OpsRequest) -> Response:
        request.parameters()
        return _json({"gold_versions": [self._version(state) for state in self._version_states()]})

    def gold_version(self, request: OpsRequest) -> Response:
        state = self._version_state(request)
        request.parameters()
        return _json(self._version(state))

    def diff(self, request: OpsRequest) -> Response:
        version = self._version_state(request).number
        given = request.parameters("against", "top")
        against = ReleaseNumber(number("against", given["against"], 1)) if "against" in given else None
        if against is not None and all(published.number != against for published in self._releases()):
            raise ProblemError(Kind.NOT_FOUND, f"release {against} does not exist; see /v1/ops/releases")
        top = number("top", given.get("top", str(differences.TOP)), 1, differences.MOST)
        as_page = preferred(request.http.header(b"accept"), (_JSON, _HTML)) == _HTML
        found = self._compared.find(version, against, top)
        if as_page:
            return Response(differences.as_page(found).encode(), 200, _PAGE)
        return Response(differences.as_json(found).encode(), 200, [_TYPE_JSON, _VARY])

    def _submit(self, request: OpsRequest, wanted: requests.Request) -> Response:
        """202 once the operation is durable, or what it would do. The same key with another request is a mistake of the
        caller's."""
        request.parameters()
        releases = self._releases()
        current = releases[-1] if releases else None
        if isinstance(wanted, requests.Planned) and wanted.dry_run:
            return _json(self._plan(wanted, request.actor, _fingerprint(wanted, current)))
        operation = Operation(
            id=new_id(request.actor, request.key),
            request=wanted,
            actor=request.actor,
            requested_at=now(),
            nonce=new_nonce(),
            seen=current.number if current else None,
            definition=_fingerprint(wanted, current),
        )
        given = self._operations.add(operation)
        if given.request != wanted:
            raise ProblemError(Kind.CONFLICT, f"this Idempotency-Key belongs to another operation, {given.id}")
        self._wake()
        document = self._document(given)
        return _json(document, status=202, headers=[(b"location", str(document["url"]).encode())])

    def _plan(self, wanted: requests.Planned, actor: str, definition: str | None) -> responses.Document:
        """409 where the operation would be refused."""
        try:
            return self._plans.of(wanted, actor, definition).document()
        except RefusedError as error:
            raise ProblemError(Kind.CONFLICT, str(error)) from error

    def _document(self, given: Operation) -> responses.Document:
        note, result = self._operations.note(given.id), self._operations.result(given.id)
        version = note.gold_version if note and isinstance(given.request, requests.Reprocess) else None
        progress = ProgressFile(self._files, self._layout, version).read() if version else None
        return responses.operation(given, note, result, progress)

    def _releases(self) -> list[Published]:
        with self._log_lock:
            return list(self._log.refresh())

    def _version_states(self) -> list[VersionState]:
        return version_states(self._versions, self._releases())

    def _version_state(self, request: OpsRequest) -> VersionState:
        number = number_of(request.http.path_parameters["gold_version"])
        for state in self._version_states() if number is not None else []:
            if state.number == number:
                return state
        raise ProblemError(Kind.NOT_FOUND, "there is no such gold version; see /v1/ops/gold-versions")

    def _version(self, state: VersionState) -> responses.Document:
        progress = ProgressFile(self._files, self._layout, state.number).read()
        return responses.gold_version(state, progress, self._versions.drop_of(state.number))


def _fingerprint(wanted: requests.Request, current: Published | None) -> str | None:
    """What a reprocess builds with; decided now, because another release may be current when it is carried out."""
    if not isinstance(wanted, requests.Reprocess):
        return None
    return wanted.definition or (current.release.definition.fingerprint if current else None)


def _operation_id(request: OpsRequest) -> str:
    """Only what an id can be becomes a part of a path."""
    operation = request.http.path_parameters["operation"]
    return operation if len(operation) == 32 and set(operation) <= set("0123456789abcdef") else "-"


def _limit(request: OpsRequest) -> int:
    return number("limit", request.parameters("limit").get("limit", str(_LISTED)), 1, _MOST_LISTED)


def _json(document: responses.Document, *, status: int = 200, headers: Headers | None = None) -> Response:
    return Response(msgspec.json.encode(document), status, [_TYPE_JSON, *(headers or [])])
