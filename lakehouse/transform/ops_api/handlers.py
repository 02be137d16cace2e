"""What each request of an operator gets, without HTTP.

In: an :class:`Asked`. Out: a :class:`Reply`, or a problem. Orders are only written down here; who carries them out is
told by ``wake``.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import new_nonce
from lakehouse.releases.version_status import Stand, stands
from lakehouse.releases.versions import Versions
from lakehouse.transform.backfill.progress import ProgressFile
from lakehouse.transform.ops_api import differences, requests, responses, upload
from lakehouse.transform.ops_api.differences import Differences
from lakehouse.transform.ops_api.media import prefers_page
from lakehouse.transform.ops_api.operations import Order, Orders, new_id, now
from lakehouse.transform.ops_api.request import Asked, bad, number_of

_MOST_LISTED = 1000
_LISTED = 100
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@dataclass(frozen=True)
class Reply:
    """An answer that is no problem."""

    content: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Desk:
    """The handlers. Safe for several threads."""

    def __init__(self, files: Files, layout: Layout, compared: Differences, wake: Callable[[], None]) -> None:
        self._files = files
        self._layout = layout
        self._compared = compared
        self._wake = wake
        self._orders = Orders(files, layout)
        self._versions = Versions(files, layout)
        self._log = ReleaseLog(files, layout)
        self._log_lock = threading.Lock()

    def reprocess(self, asked: Asked) -> Reply:
        return self._give(asked, requests.read(asked.body, requests.Reprocess))

    def promote(self, asked: Asked) -> Reply:
        return self._give(asked, requests.read(asked.body, requests.Promote))

    def rollback(self, asked: Asked) -> Reply:
        return self._give(asked, requests.read(asked.body, requests.Rollback))

    def drop(self, asked: Asked) -> Reply:
        return self._give(asked, requests.read(asked.body, requests.Drop))

    def store_definition(self, asked: Asked) -> Reply:
        asked.parameters()
        return _json({"fingerprint": upload.store(self._files, self._layout, asked.body)}, status=201)

    def order(self, asked: Asked) -> Reply:
        try:
            given = self._orders.get(_order_id(asked))
        except NotFoundError as error:
            raise ProblemError(Kind.NOT_FOUND, "there is no such order") from error
        asked.parameters()
        return _json(self._told(given))

    def orders(self, asked: Asked) -> Reply:
        found = self._orders.newest(_limit(asked))
        return _json({"orders": [self._told(self._orders.get(order)) for order in found]})

    def releases(self, asked: Asked) -> Reply:
        found = self._releases()[::-1][: _limit(asked)]
        return _json({"releases": [responses.release(published) for published in found]})

    def gold_versions(self, asked: Asked) -> Reply:
        asked.parameters()
        return _json({"gold_versions": [self._version(stand) for stand in self._stands()]})

    def gold_version(self, asked: Asked) -> Reply:
        stand = self._stand(asked)
        asked.parameters()
        return _json(self._version(stand))

    def diff(self, asked: Asked) -> Reply:
        version = self._stand(asked).number
        given = asked.numbers("against", "top")
        against, top = given.get("against"), given.get("top", differences.TOP)
        if against is not None and all(published.number != against for published in self._releases()):
            raise ProblemError(Kind.NOT_FOUND, f"release {against} does not exist; see /v1/ops/releases")
        if top > differences.MOST:
            raise bad("top", f"must be at most {differences.MOST}")
        as_page = prefers_page(asked.headers.get("accept", ""))
        found = self._compared.find(version, against, top)
        if as_page:
            headers = {"Content-Security-Policy": _PAGE_POLICY, "Vary": "Accept"}
            return Reply(differences.as_page(found).encode(), media_type="text/html; charset=utf-8", headers=headers)
        return Reply(differences.as_json(found).encode(), headers={"Vary": "Accept"})

    def _give(self, asked: Asked, wish: requests.Wish) -> Reply:
        """202 once the order is durable. The same key with another wish is a mistake of the caller's."""
        asked.parameters()
        releases = self._releases()
        current = releases[-1] if releases else None
        order = Order(
            id=new_id(asked.actor, asked.key),
            wish=wish,
            actor=asked.actor,
            ordered_at=now(),
            nonce=new_nonce(),
            seen=current.number if current else None,
            definition=_fingerprint(wish, current),
        )
        given = self._orders.give(order)
        if given.wish != wish:
            raise ProblemError(Kind.CONFLICT, f"this Idempotency-Key belongs to another order, {given.id}")
        self._wake()
        told = self._told(given)
        return _json(told, status=202, headers={"Location": told["url"]})

    def _told(self, given: Order) -> responses.Document:
        note, result = self._orders.note(given.id), self._orders.result(given.id)
        version = note.gold_version if note and isinstance(given.wish, requests.Reprocess) else None
        progress = ProgressFile(self._files, self._layout, version).read() if version else None
        return responses.order(given, note, result, progress)

    def _releases(self) -> list[Published]:
        with self._log_lock:
            return list(self._log.refresh())

    def _stands(self) -> list[Stand]:
        return stands(self._versions, self._releases())

    def _stand(self, asked: Asked) -> Stand:
        number = number_of(asked.path["gold_version"])
        for stand in self._stands() if number is not None else []:
            if stand.number == number:
                return stand
        raise ProblemError(Kind.NOT_FOUND, "there is no such gold version; see /v1/ops/gold-versions")

    def _version(self, stand: Stand) -> responses.Document:
        progress = ProgressFile(self._files, self._layout, stand.number).read()
        return responses.gold_version(stand, progress, self._versions.drop_of(stand.number))


def _fingerprint(wish: requests.Wish, current: Published | None) -> str | None:
    """What a reprocess builds with; decided now, because another release may be current when it is carried out."""
    if not isinstance(wish, requests.Reprocess):
        return None
    return wish.definition or (current.release.definition.fingerprint if current else None)


def _order_id(asked: Asked) -> str:
    """Only what an id can be becomes a part of a path."""
    order = asked.path["order"]
    return order if len(order) == 32 and set(order) <= set("0123456789abcdef") else "-"


def _limit(asked: Asked) -> int:
    limit = asked.numbers("limit").get("limit", _LISTED)
    if limit > _MOST_LISTED:
        raise bad("limit", f"must be at most {_MOST_LISTED}")
    return limit


def _json(document: responses.Document, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(msgspec.json.encode(document), status, headers=headers or {})
