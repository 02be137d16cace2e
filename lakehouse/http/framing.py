"""HTTP/1.1 on one connection: which bytes are a head, and which are a body.

In: the bytes of a connection. Out: requests, as uvicorn's own protocol makes them. What is no HTTP, or has a body that
ends nowhere, is answered by a problem in its turn, and the connection is closed. Promise: how bytes are read follows
from the bytes alone, by where the parser is among them; not from packets, nor from when an answer comes.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lakehouse.http import heads
from lakehouse.http.asgi import problem_response, with_length
from lakehouse.http.problems import Kind, ProblemError


class _LastRequestError(Exception):
    """The client has said that the request before this one is its last."""


class FramedHttp(HttpToolsProtocol):
    """``_in_body``: the parser is between the end of a head and that of its message, whether that is answered or not.
    ``_ending``: nothing more is read; ``_refusal`` is the answer behind all others."""

    _in_body = False
    _ending = False
    _refusal = b""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        rest: bytes | memoryview = data
        while len(rest) and not self._ending:
            rest = self._parse(rest)

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """What is left of the bytes behind a head that offers another protocol."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._go_on_behind_the_offer()
            return memoryview(data)[offer.args[0] :]
        except httptools.HttpParserError as error:
            self._stop(error)
        return b""

    def _go_on_behind_the_offer(self) -> None:
        """Java's own client offers h2c with each request, and the parser takes no body behind such an offer. A server
        may ignore it (RFC 9110, 7.8): another parser goes on behind the same head without the offer."""
        self.parser = httptools.HttpRequestParser(_BehindHead(self))
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(heads.framing(list(self.scope["headers"])))

    def _should_upgrade(self) -> bool:
        return False

    def on_headers_complete(self) -> None:
        if self.cycle is not None and not self.cycle.keep_alive:
            raise _LastRequestError
        heads.check(self.headers, self.parser.get_http_version())
        super().on_headers_complete()
        self._in_body = True
        self.headers = []  # fields behind a body do not join those of the head

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._in_body = False
            super().on_message_complete()

    def _stop(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, ProblemError):
            self._refuse(cause)
        elif isinstance(cause, _LastRequestError):
            self._ending = True
        elif self._in_body:
            self._refuse(ProblemError(Kind.UNREADABLE_BODY, f"nobody can say where the body ends: {error}"))
        else:
            self._refuse(ProblemError(Kind.NOT_HTTP, "Invalid HTTP request received."))

    def _refuse(self, problem: ProblemError) -> None:
        """In place of the request that the parser is in. One that has its answer, or the start of it, gets no other."""
        is_answered = self._in_body and self.cycle.response_started
        if not is_answered:
            self._refusal = _last_answer(problem)
        self._end_after_what_is_owed()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that sends nothing more may still read its answers. True keeps the connection open for them."""
        if not self._ending:
            self._end_after_what_is_owed()
        return not self.transport.is_closing()

    def _end_after_what_is_owed(self) -> None:
        self._ending = True
        if self._in_body:
            self._give_up_the_last_request()
        if not self._is_owing():
            self._end()

    def _give_up_the_last_request(self) -> None:
        if self.pipeline:
            self.pipeline.popleft()
        elif not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _is_owing(self) -> bool:
        cycle = self.cycle
        return bool(self.pipeline) or not (cycle is None or cycle.response_complete or cycle.disconnected)

    def on_response_complete(self) -> None:
        is_last = self._ending and not self.pipeline
        super().on_response_complete()
        if is_last:
            self._end()

    def _end(self) -> None:
        if not self.transport.is_closing():
            if self._refusal:
                self.transport.write(self._refusal)
            self.transport.close()


class _BehindHead:
    """What a parser calls that is given a head again: nothing until that head ends, then the connection."""

    def __init__(self, connection: FramedHttp) -> None:
        self._connection: FramedHttp | None = None
        self._later = connection
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if self._connection is not None:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._connection is not None:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._connection is not None:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._connection is None:
            self._connection = self._later
        else:
            self._connection.on_headers_complete()


def _last_answer(problem: ProblemError) -> bytes:
    response = problem_response(problem)
    headers: list[Any] = [*with_length(response), (b"connection", b"close")]
    lines = [b"%s: %s\r\n" % header for header in headers]
    return STATUS_LINE[response.status] + b"".join(lines) + b"\r\n" + response.body
