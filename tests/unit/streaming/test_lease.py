"""The lease and the epochs, on real files and real processes."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import SupersededError
from lakehouse.releases.generations import FIRST_GENERATION
from streaming import lease as lease_module
from streaming.epochs import epoch_of, next_epoch, transaction_version
from streaming.lease import Holder, Lease, this_process

LAYOUT = Layout("/lakehouse")
Waits = Callable[[float], float]


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def put(files: LocalFiles, holder: Holder) -> None:
    files.write(LAYOUT.bronze_lease(FIRST_GENERATION), msgspec.json.encode(holder))


@pytest.fixture
def waits(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> Waits:
    """How many seconds a driver that starts now has to wait; they pass while it waits, and only then."""
    now = 0.0

    def wait(_: Holder) -> bool:
        nonlocal now
        now += 1
        return True

    def waits(timeout: float) -> float:
        began = now
        Lease(files, LAYOUT, FIRST_GENERATION).stand_by(wait, timeout)
        return now - began

    monkeypatch.setattr(lease_module, "time", SimpleNamespace(monotonic=lambda: now))
    return waits


def test_nobody_there(waits: Waits) -> None:
    assert waits(60) == 0


def test_an_unreadable_lease_is_none(files: LocalFiles, waits: Waits) -> None:
    files.write(LAYOUT.bronze_lease(FIRST_GENERATION), b"{")
    assert waits(60) == 0


def test_a_dead_process_of_this_machine_is_not_waited_for(files: LocalFiles, waits: Waits) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = lease_module._started(process.pid)
        assert started is not None
        put(files, msgspec.structs.replace(this_process(), pid=process.pid, started=started))
        assert waits(5) == 5
        process.kill()
        process.wait()
        assert waits(60) == 0


def test_a_holder_elsewhere_is_given_its_patience_and_no_more(files: LocalFiles, waits: Waits) -> None:
    put(files, Holder("another-host", 1, "boot/1", epoch=4))
    assert waits(30) == 30


def test_a_driver_that_is_told_to_stop_does_not_stand_by(files: LocalFiles) -> None:
    put(files, Holder("another-host", 1, "boot/1", epoch=4))
    Lease(files, LAYOUT, FIRST_GENERATION).stand_by(lambda holder: False, timeout=60)


def test_a_released_lease_is_free(files: LocalFiles, waits: Waits) -> None:
    other = Holder("another-host", 1, "boot/1", epoch=4, released=True)
    put(files, other)
    assert waits(60) == 0


def test_renewing_under_a_newer_epoch_stops_the_driver(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.0)
    mine = Lease(files, LAYOUT, FIRST_GENERATION)
    mine.take(4)
    mine.renew()
    put(files, Holder("another-host", 1, "boot/1", epoch=5))
    with pytest.raises(SupersededError, match="epoch 5"):
        mine.renew()


def test_two_drivers_at_once_never_share_an_epoch(files: LocalFiles) -> None:
    hosts = [Holder(f"host-{i}", 1, "boot/1") for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        epochs = list(pool.map(lambda holder: next_epoch(files, LAYOUT, FIRST_GENERATION, holder), hosts))
    assert sorted(epochs) == list(range(1, 9))


def test_a_later_epoch_is_above_every_batch_of_an_earlier_one() -> None:
    assert transaction_version(2, 0) > transaction_version(1, 2**32 - 1)
    assert epoch_of(transaction_version(7, 2**31)) == 7
