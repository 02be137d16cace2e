"""An answer never says more than is true: of the disk, of a sync that failed, of a Kafka with one broker or two."""

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.append_log import AppendLog
from ingestion.durability import SYNC_SECONDS, Durability, Durable
from ingestion.tail_cache import Cursor
from lakehouse.settings import EdgeSettings

ONE, TWO = 1, 2
"""Brokers that have what is acknowledged."""
LONGEST = 60.0
"""Seconds for what must come; nothing is measured by it."""


class Disk:
    """``os.fdatasync`` that can be held up or fail, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.works = True
        self.free = threading.Event()
        self.free.set()
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._sync)
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, handle: int) -> None:
        self.calls += 1
        self.free.wait()
        if not self.works:
            raise OSError(errno.EIO, "no")
        self._real(handle)


@pytest.fixture
def log(tmp_path: Path) -> AppendLog:
    return AppendLog(tmp_path / "log", "log")


@pytest.fixture
def disk(log: AppendLog, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """After the log, which syncs its folder when it is made."""
    return Disk(monkeypatch)


def run(
    log: AppendLog,
    steps: Callable[[Durability], Awaitable[None]],
    served: Callable[[int, float], None] = lambda requests, seconds: None,
    **edge: object,
) -> None:
    async def main() -> None:
        settings = EdgeSettings.model_validate({"kafka_ack_timeout": timedelta(seconds=0.2)} | edge)
        durability = Durability(settings, log, served=served)
        try:
            await steps(durability)
        finally:
            durability.close()

    asyncio.run(main())


def line(log: AppendLog) -> Cursor:
    return log.append(b"x" * 20)


async def ask(durability: Durability, end: Cursor) -> "asyncio.Task[Durable]":
    task = asyncio.create_task(durability.wait(end))
    await asyncio.sleep(0)
    return task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        while not condition():
            await asyncio.sleep(0.01)


async def settle(durability: Durability, brokers: int | None = None, delivered: Cursor | None = None) -> None:
    """What the sender's thread says, and the loop's time to hear it."""
    if brokers is not None:
        durability.connected(brokers)
    if delivered is not None:
        durability.delivered(delivered)
    await asyncio.sleep(0.02)


def test_with_one_broker_the_answer_is_the_disks_and_waits_for_it(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        disk.free.clear()
        await settle(durability, ONE)
        end = line(log)
        task = await ask(durability, end)
        await settle(durability, delivered=end)
        assert not task.done()
        disk.free.set()
        assert await asyncio.wait_for(task, LONGEST) is Durable.DISK
        assert log.synced >= end

    run(log, steps)


def test_before_kafka_has_said_how_many_brokers_it_has_the_disk_answers(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        assert await asyncio.wait_for(durability.wait(line(log)), LONGEST) is Durable.DISK

    run(log, steps)


def test_one_sync_serves_all_who_wait(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        disk.free.clear()
        tasks = [await ask(durability, line(log)) for _ in range(200)]
        await asyncio.sleep(0.02)
        disk.free.set()
        assert set(await asyncio.wait_for(asyncio.gather(*tasks), LONGEST)) == {Durable.DISK}
        assert disk.calls < 8

    run(log, steps)


def test_syncs_say_how_many_they_have_answered_and_those_that_nobody_waits_for_say_nothing(
    log: AppendLog, disk: Disk
) -> None:
    served: list[tuple[int, float]] = []

    async def steps(durability: Durability) -> None:
        disk.free.clear()
        tasks = [await ask(durability, line(log)) for _ in range(20)]
        tasks[3].cancel()  # a client that went away
        await asyncio.sleep(0.02)
        disk.free.set()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), LONGEST)
        await until(lambda: sum(requests for requests, _ in served) == 19)
        end = line(log)
        await until(lambda: log.synced >= end)

    run(log, steps, served=lambda requests, seconds: served.append((requests, seconds)))
    assert sum(requests for requests, _ in served) == 19
    assert all(requests > 0 and seconds > 0 for requests, seconds in served)


def test_with_two_brokers_the_acknowledgement_answers_and_not_the_disk(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        await settle(durability, TWO)
        end = line(log)
        task = await ask(durability, end)
        await until(lambda: log.synced >= end)
        assert not task.done()
        await settle(durability, delivered=end)
        assert await asyncio.wait_for(task, LONGEST) is Durable.KAFKA

    run(log, steps, kafka_ack_timeout=timedelta(seconds=30))


def test_what_kafka_does_not_acknowledge_in_time_is_answered_by_the_disk(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        await settle(durability, TWO)
        assert await asyncio.wait_for(durability.wait(line(log)), LONGEST) is Durable.DISK
        assert durability.behind
        durability._timeout = 2 * LONGEST  # the next does not wait for Kafka
        assert await asyncio.wait_for(durability.wait(line(log)), LONGEST) is Durable.DISK
        await settle(durability, delivered=log.end)
        assert durability.usual is Durable.KAFKA

    run(log, steps)


def test_a_broker_that_goes_takes_the_word_kafka_with_it(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        await settle(durability, TWO)
        end = line(log)
        task = await ask(durability, end)
        await settle(durability, ONE)
        await settle(durability, delivered=end)
        assert await asyncio.wait_for(task, LONGEST) is Durable.DISK

    run(log, steps, kafka_ack_timeout=timedelta(seconds=30))


def test_a_disk_that_fails_answers_nothing_until_a_copy_is_on_it(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        await settle(durability, ONE)
        first = line(log)
        inode = log.path(first.number).stat().st_ino
        disk.works = False
        task = await ask(durability, first)
        await until(lambda: durability.disk_failure is not None)
        await settle(durability, delivered=first)
        assert not task.done()
        second = line(log)
        assert second.number == first.number + 1
        disk.works = True
        assert await asyncio.wait_for(task, LONGEST) is Durable.DISK
        assert durability.disk_failure is None
        assert log.path(first.number).stat().st_ino != inode
        assert log.path(first.number).read_bytes() == b"x" * 20 + b"\n"

    run(log, steps)


def test_where_the_disk_fails_two_brokers_make_up_for_it(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        disk.works = False
        end = line(log)
        task = await ask(durability, end)
        await settle(durability, TWO)
        assert not task.done()
        await settle(durability, delivered=end)
        assert await asyncio.wait_for(task, LONGEST) is Durable.KAFKA

    run(log, steps)


def test_where_the_disk_is_forbidden_it_never_answers(log: AppendLog, disk: Disk) -> None:
    async def steps(durability: Durability) -> None:
        await settle(durability, ONE)
        end = line(log)
        task = await ask(durability, end)
        await settle(durability, delivered=end)
        await until(lambda: durability.behind)
        assert not task.done()
        await settle(durability, TWO, delivered=end)
        assert await asyncio.wait_for(task, LONGEST) is Durable.KAFKA

    run(log, steps, allow_disk_durability=False)


def test_what_nobody_waits_for_is_synced_too(log: AppendLog, disk: Disk, tmp_path: Path) -> None:
    other = AppendLog(tmp_path / "other", "other")

    async def steps(_: Durability) -> None:
        both = Durability(EdgeSettings(), log, [other])
        ends = [line(log), line(other)]
        await until(lambda: [log.synced, other.synced] >= ends)
        calls = disk.calls
        await asyncio.sleep(3 * SYNC_SECONDS)
        assert disk.calls == calls, "nothing new is nothing to sync"
        both.close()

    run(log, steps)
