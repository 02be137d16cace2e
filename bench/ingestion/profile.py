"""Where the edge's CPU time goes: samples of its stacks (py-spy), each charged to one part.

In: a running process. Out: the share of each part in its samples. A sample belongs to the innermost frame that is a
part's; C code belongs to the line of Python that calls it, and the event loop's own to HTTP.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ingestion import peers

_RATE = 200
_PARTS = {
    "Kafka": ("kafka/", "ingestion/kafka_sender", "ingestion/backlog", "ingestion/frame", "lakehouse/clients/kafka"),
    "token": ("lakehouse/tokens/", "jwt/", "cryptography/"),
    "log": (
        *("ingestion/segment", "ingestion/append_log", "ingestion/tail_cache", "ingestion/clock"),
        *("ingestion/durability", "ingestion/incarnation", "ingestion/shipper", "ingestion/atomic_file"),
    ),
    "JSON": (
        *("ingestion/envelope", "ingestion/fast_decode", "ingestion/event_", "ingestion/rfc3339"),
        *("ingestion/pseudonyms", "ingestion/strict_json", "ingestion/body_reader", "ingestion/validate"),
    ),
    "HTTP": ("uvicorn/", "ingestion/", "lakehouse/http/", "asyncio/", "prometheus_client/"),
}
_WAIT = re.compile(r"\b(wait|select|_worker) \(.*\b(threading|selectors|thread)\.py:\d+\)$")
"""Where a thread only waits. py-spy takes some that wait for a busy one: samples of idle threads cost no CPU."""
OTHER = "other"


@contextmanager
def sampled(pid: int, seconds: float, file: Path) -> Iterator[None]:
    """Samples while the block runs; its report is in ``file`` afterwards."""
    command = [str(peers.PY_SPY), "record", "--pid", str(pid), "--format", "raw", "--rate", str(_RATE)]
    process = subprocess.Popen(
        [*command, "--duration", str(int(seconds)), "--full-filenames", "--output", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    process.wait()


def shares(report: str) -> dict[str, float]:
    counted: Counter[str] = Counter()
    for line in report.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        if not _WAIT.search(frames[-1]):
            counted[_part(frames)] += int(samples)
    return {part: count / counted.total() for part, count in counted.most_common()}


def _part(stack: list[str]) -> str:
    for frame in reversed(stack):
        for part, names in _PARTS.items():
            if any(f"/{name}" in frame for name in names):
                return part
    return OTHER
