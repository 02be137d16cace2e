"""After a power cut, everything before a log's ``synced`` is there, whatever syncs failed before.

The machine is simulated as the worst that POSIX allows: a file's bytes are on disk as of its last sync that succeeded;
after one that failed, the bytes written before it are lost for that file, and later syncs of it succeed all the same.
"""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.append_log import AppendLog
from ingestion.tail_cache import Cursor, Line


class Machine:
    """What would be left of each file, by its inode."""

    def __init__(self) -> None:
        self.failing = False
        self._disk: dict[int, bytes] = {}
        self._lost: dict[int, list[range]] = {}
        self._clean: dict[int, int] = {}
        self._held: list[int] = []

    def sync(self, handle: int) -> None:
        """Stands for ``os.fsync`` and ``os.fdatasync``."""
        inode, size = os.fstat(handle).st_ino, os.fstat(handle).st_size
        if not os.path.isfile(f"/proc/self/fd/{handle}"):
            if self.failing:
                raise OSError(errno.EIO, "the folder does not sync")
            return
        if self.failing:
            self._held.append(os.dup(handle))  # so that no other file gets its inode
            self._lost.setdefault(inode, []).append(range(self._clean.get(inode, 0), size))
            raise OSError(errno.EIO, "the file does not sync")
        data = bytearray(Path(f"/proc/self/fd/{handle}").read_bytes())
        for lost in self._lost.get(inode, []):
            data[lost.start : lost.stop] = bytes(len(lost))
        self._disk[inode], self._clean[inode] = bytes(data), size

    def close(self) -> None:
        for handle in self._held:
            os.close(handle)

    def left(self, path: Path) -> bytes:
        return self._disk.get(path.stat().st_ino, b"")


STEPS = st.lists(st.sampled_from(["append", "append", "sync", "roll", "break", "mend"]), max_size=40)


@given(steps=STEPS)
def test_what_is_said_to_be_on_disk_is_there_after_a_power_cut(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", machine.sync)
        patch.setattr(os, "fdatasync", machine.sync)
        log = AppendLog(tmp_path_factory.mktemp("edge") / "log", "log")
        written: list[tuple[Cursor, bytes]] = []
        for number, step in enumerate(steps):
            before = log.synced
            if step in ("break", "mend"):
                machine.failing = step == "break"
            elif step == "append":
                text = b"line %d" % number
                written.append((log.append(text), text))
            else:
                try:
                    (log.sync if step == "sync" else log.roll)()
                except OSError:
                    assert machine.failing
                else:
                    assert not machine.failing or log.synced == before
                    assert step == "roll" or all(end <= log.synced for end, _ in written)
            check(machine, log, written)
        machine.failing = False
        log.roll()
        log.sync()
        assert log.ended() == sorted(log.sizes)
        check(machine, log, written)
        machine.close()
        # no line is lost or doubled for who reads on, either
        assert [line.text for line in everything(log)] == [text for _, text in written]


def check(machine: Machine, log: AppendLog, written: list[tuple[Cursor, bytes]]) -> None:
    for end, text in written:
        if end <= log.synced:
            left = machine.left(log.path(end.number))
            assert left[: end.offset].endswith(text + b"\n"), (end, log.synced, left)


def everything(log: AppendLog) -> list[Line]:
    lines: list[Line] = []
    cursor = log.first()
    while found := log.read(cursor, 100):
        lines += found
        cursor = found[-1].end
    return lines


def test_a_copy_of_what_the_disk_does_not_give_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AppendLog(tmp_path / "log", "log")
    end = log.append(b"mine")

    def fail(_: int) -> None:
        log.path(0).write_bytes(b"\0\0\0\0\n")  # what the kernel could not write it has let go of
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="does not give back"):
            log.sync()
    with pytest.raises(OSError, match="does not give back"):
        log.sync()
    assert log.synced < end
    assert log.ended() == []
    assert log.append(b"next").number == 1
