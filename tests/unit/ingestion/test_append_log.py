"""What a log of an earlier run costs when it is opened again, and how much there is behind a place."""

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.append_log import AppendLog
from ingestion.tail_cache import Cursor


def test_what_a_long_outage_left_needs_few_open_files(tmp_path: Path) -> None:
    for number in range(200):
        path = tmp_path / "log" / f"log-{number}.ndjson"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x\n")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 50, before[1]))
    try:
        log = AppendLog(tmp_path / "log", "log")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert log.ended() == list(range(200))


@settings(max_examples=50)
@given(
    steps=st.lists(st.sampled_from(["append", "roll", "open", "cut", "delete", "delete", "delete_last"]), max_size=20)
)
def test_what_is_behind_a_place_is_what_can_be_read_there(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edge")
    log = AppendLog(folder / "log", "log")
    for number, step in enumerate(steps):
        if step == "append":
            log.append(b"x" * number)
        elif step == "roll":
            log.roll()
        elif step == "open":
            log = AppendLog(folder / "log", "log")
        elif step == "cut" and (ended := log.ended()):
            log.cut(ended[-1], 0)
        elif step.startswith("delete") and (ended := log.ended()):
            log.delete(ended[-1 if step == "delete_last" else 0])
        places = [Cursor(file, offset) for file, size in log.sizes.items() for offset in (0, size)]
        for place in [*places, log.end, Cursor(0, 0)]:
            behind = sum(size for file, size in log.sizes.items() if file > place.number)
            rest = log.sizes.get(place.number, place.offset) - place.offset
            assert log.bytes_after(place) == behind + rest
