"""Edges as processes of their own (``python -m ingestion``): started, waited for, and ended by a signal.

In: what an edge's environment says; or a stack, beside whose servers it runs as if on another host. Out: the process
while a block lasts, and the end of its log when what a test waits for does not come. Nothing is left running.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from signal import Signals

import httpx

from tests.support.embedded_stack import EmbeddedStack, free_port_base

PATIENCE = 120.0


@dataclass(frozen=True)
class EdgeProcess:
    """``environment`` is what it has beside this process's own."""

    environment: dict[str, str]
    url: str
    log: Path

    @contextmanager
    def started(self, ended_by: Signals = Signals.SIGKILL) -> Iterator[subprocess.Popen[bytes]]:
        """Without waiting for it."""
        environment = os.environ | self.environment
        with self.log.open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "ingestion"], env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(ended_by)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()

    @contextmanager
    def running(self, ended_by: Signals = Signals.SIGKILL) -> Iterator[subprocess.Popen[bytes]]:
        """From when it is ready."""
        with self.started(ended_by) as process:
            self.wait(lambda: self.readiness() == 200)
            yield process

    def readiness(self) -> int:
        """The status of its answer."""
        return httpx.get(f"{self.url}/readyz", trust_env=False).status_code

    def wait(self, condition: Callable[[], object]) -> None:
        """Until the condition holds; it may ask an edge that does not answer yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.05)


@dataclass(frozen=True)
class OtherEdge:
    """An edge with a home, a name and a port of its own. ``stack`` is the stack as seen by who sends to it."""

    process: EdgeProcess
    home: Path
    stack: EmbeddedStack


def beside(stack: EmbeddedStack, name: str, folder: Path, **changes: str) -> OtherEdge:
    """Not started yet. Its keys, Kafka and HDFS are the stack's."""
    settings, port, home = stack.settings, free_port_base(), folder / name
    address = f"{settings.host}:{port}"
    own = {
        **stack.environment,
        "LAKEHOUSE_HOME": str(home),
        "LAKEHOUSE_PORT_BASE": str(port),
        "LAKEHOUSE_EDGE__NAME": name,
        "LAKEHOUSE_KEYS": str(settings.keys_path),
        "LAKEHOUSE_AT__KAFKA": settings.kafka_bootstrap,
        "LAKEHOUSE_AT__HDFS": settings.hdfs_url.removeprefix("hdfs://"),
        "HADOOP_USER_NAME": "lakehouse",
        **changes,
    }
    seen = replace(
        stack,
        settings=settings.model_copy(update={"at": settings.at.model_copy(update={"edge": address})}),
        environment={**stack.environment, "LAKEHOUSE_AT__EDGE": address},
    )
    return OtherEdge(EdgeProcess(own, f"http://{address}", folder / f"{name}.log"), home, seen)
