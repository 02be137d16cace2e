"""The client of the edge's HTTP API (contract 1).

In: a token and the JSON of some events. Out: one of three answers: :class:`Accepted`, :class:`RetryLater` (429, 503 or
silence: the same ids may be sent again) or :class:`Refused` (sending again would not help).
"""

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from lakehouse.errors import LakehouseError

_BATCH = "application/cloudevents-batch+json"
_WORTH_REPEATING = frozenset({429, 502, 503, 504})
_EACH_REJECTED = frozenset({400, 403})
"""Every event has its own reason; 403 where it is the token's scope for each of them."""


class WrongAnswerError(LakehouseError):
    """What answers does not say what became of each event, so that nothing is known of them."""


class NoSuchAddressError(LakehouseError):
    """Nothing can be sent to the address, now or later."""


@dataclass(frozen=True)
class Rejection:
    """An event that the edge refused: its place in the batch and why."""

    index: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Accepted:
    """The batch was read: ``accepted`` events are durable, the others are refused one by one."""

    accepted: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True)
class RetryLater:
    """Nothing is known of the batch, or it was put off. ``retry_after`` is what the edge asked for, in seconds."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Refused:
    """The request as a whole was refused."""

    status: int
    reason: str


Answer = Accepted | RetryLater | Refused


class EdgeClient:
    """One connection to an edge. Not shared between threads."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self._url = url
        try:
            self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        except httpx.InvalidURL as error:
            raise NoSuchAddressError(f"{url} is no address of an edge: {error}; see --edge") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, token: str, events: list[bytes]) -> Answer:
        """Sends events, each the JSON of one CloudEvent, as one batch. Raises :class:`NoSuchAddressError`, and
        :class:`WrongAnswerError` where the answer is not about just these events."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": _BATCH}
        try:
            response = self._client.post("/v1/events", content=b"[" + b",".join(events) + b"]", headers=headers)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise NoSuchAddressError(f"{self._url} is no address of an edge: {error}; see --edge") from error
        except httpx.TransportError as error:
            if _is_unknown_host(error):
                raise NoSuchAddressError(f"there is no host of {self._url}: {error}; see --edge") from error
            return RetryLater(f"no answer ({type(error).__name__}: {error})")
        answer = read_answer(response.status_code, response.headers.get("Retry-After"), _json(response))
        if isinstance(answer, Accepted) and not _is_about(answer, len(events)):
            told = f"{answer.accepted:,} accepted, {len(answer.rejected):,} rejected"
            raise WrongAnswerError(f"the edge at {self._url} answers {told} to {len(events):,} events; see --edge")
        return answer


def read_answer(status: int, retry_after: str | None, body: Any) -> Answer:
    """What a response means. ``body`` is its JSON, or None. Raises :class:`WrongAnswerError`."""
    content = body if isinstance(body, dict) else {}
    if status in _WORTH_REPEATING:
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
        return RetryLater(_reason(status, content), seconds)
    if status == 202 or (status in _EACH_REJECTED and isinstance(content.get("rejected"), list)):
        return _accepted(content)
    return Refused(status, _reason(status, content))


def _accepted(content: dict[str, Any]) -> Accepted:
    try:
        rejected = tuple(
            Rejection(int(entry["index"]), str(entry.get("reason", "")), str(entry.get("detail", "")))
            for entry in content.get("rejected", ())
        )
        return Accepted(int(content.get("accepted", 0)), rejected)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise WrongAnswerError(f"what answers is no edge ({type(error).__name__}: {error}); see --edge") from error


def _is_about(answer: Accepted, events: int) -> bool:
    """Whether it says of each event, once, what became of it."""
    rejected = {one.index for one in answer.rejected if 0 <= one.index < events}
    return len(rejected) == len(answer.rejected) and answer.accepted == events - len(rejected)


def _reason(status: int, content: dict[str, Any]) -> str:
    text = ": ".join(str(content[key]) for key in ("title", "detail") if content.get(key))
    return f"{status} {text}".rstrip()


def _is_unknown_host(error: BaseException | None) -> bool:
    """Whether the name has no address. That no server of names has answered is something else, and may pass."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return error.errno != socket.EAI_AGAIN
        error = error.__cause__ or error.__context__
    return False


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
