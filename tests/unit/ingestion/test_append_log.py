"""What a log of an earlier run costs when it is opened again."""

import os
import resource
from pathlib import Path

from ingestion.append_log import AppendLog


def test_what_a_long_outage_left_needs_few_open_files(tmp_path: Path) -> None:
    for number in range(200):
        path = tmp_path / "log" / f"log-{number}.ndjson"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x\n")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 50, before[1]))
    try:
        log = AppendLog(tmp_path / "log", "log", lambda _: b"")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert log.ended() == list(range(200))
