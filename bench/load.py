"""Readers who do not wait for each other: requests at a fixed rate, whatever becomes of those before.

In, as JSON on stdin: where, how often, and a list of paths with tokens, gone through again and again. Runs until stdin
ends. Out, as JSON on stdout: how many were answered, and how long each waited, counted from the instant at which it was
due; so a server that stands still is charged for every request that it should have answered meanwhile.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import msgspec

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

TIMEOUT = 10.0
MOST_AT_ONCE = 512


class Plan(msgspec.Struct, frozen=True):
    """``requests`` are pairs of path (with its query) and bearer token."""

    host: str
    port: int
    rate: float
    requests: list[tuple[str, str]]


class Outcome(msgspec.Struct, frozen=True):
    """``waited`` are milliseconds, in the order of the requests; -1 where none was answered. ``failures`` counts what
    was not 200, by status or by the name of the error. ``on_time``: they waited for no core (:func:`be_on_time`)."""

    asked: int
    failures: dict[str, int]
    waited: list[float]
    on_time: bool = False


@dataclass
class Readers:
    plan: Plan
    waited: dict[int, float] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    _idle: list[Connection] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> Outcome:
        running: set[asyncio.Task[None]] = set()
        began, number = time.perf_counter(), 0
        while not stop.is_set():
            due = began + number / self.plan.rate
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            if len(running) < MOST_AT_ONCE:
                task = asyncio.create_task(self._ask(number, due))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                self.failures["too many at once"] += 1
            number += 1
        await asyncio.gather(*running)
        return Outcome(number, dict(self.failures), [self.waited.get(each, -1.0) for each in range(number)])

    async def _ask(self, number: int, due: float) -> None:
        path, token = self.plan.requests[number % len(self.plan.requests)]
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._answer(path, token)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.failures[type(error).__name__] += 1
            return
        self.waited[number] = round((time.perf_counter() - due) * 1000, 3)
        if status != 200:
            self.failures[str(status)] += 1

    async def _answer(self, path: str, token: str) -> int:
        plan = self.plan
        reader, writer = await self._connection()
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {plan.host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    async def _connection(self) -> Connection:
        """One that has been used and that the server has not closed since, or a new one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.plan.host, self.plan.port)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without a length")


def be_on_time() -> bool:
    """The readers stand for other machines: they wait for no core that is busy here, or their waits would be ours.
    False where the system does not permit it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


async def main() -> None:
    on_time = be_on_time()
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, lambda: (sys.stdin.buffer.read(), loop.call_soon_threadsafe(stop.set)))
    outcome = await Readers(plan).run(stop)
    sys.stdout.buffer.write(msgspec.json.encode(msgspec.structs.replace(outcome, on_time=on_time)))


if __name__ == "__main__":
    asyncio.run(main())
