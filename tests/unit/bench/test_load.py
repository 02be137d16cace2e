"""The load generator against a server that stands still for a while."""

import asyncio
from collections.abc import Awaitable, Callable

from bench.load import Outcome, Plan, Readers

RATE = 200.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _read(serve: Serve, seconds: float) -> Outcome:
    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        readers, stop = Readers(Plan(host, port, RATE, [("/one", "t"), ("/two", "t")])), asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        return await readers.run(stop)


def _serving(answer: bytes, pause: asyncio.Event) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await pause.wait()
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return serve


def test_each_request_waits_from_when_it_was_due() -> None:
    async def stalled() -> Outcome:
        open_ = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, open_.set)
        return await _read(_serving(ANSWER, open_), 1.0)

    outcome = asyncio.run(stalled())
    assert not outcome.failures
    assert len(outcome.waited) == outcome.asked > RATE / 2
    # One that was due at the beginning waited for the whole stall, one that was due after it did not.
    assert outcome.waited[0] >= 450
    assert min(outcome.waited) < 250
    assert all(wait >= 0 for wait in outcome.waited)


def test_what_is_not_200_is_a_failure() -> None:
    async def refused() -> Outcome:
        open_ = asyncio.Event()
        open_.set()
        return await _read(_serving(REFUSAL, open_), 0.3)

    outcome = asyncio.run(refused())
    assert outcome.failures == {"503": outcome.asked}


def test_no_answer_is_a_failure() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    outcome = asyncio.run(_read(hang_up, 0.3))
    assert sum(outcome.failures.values()) == outcome.asked
    assert set(outcome.waited) == {-1.0}
