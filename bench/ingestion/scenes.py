"""The scenes: as much as a contender takes, more than it can take, and half of that.

In: contenders and a load. Out: for each round of a contender, what it did; raises where the far end has less than was
answered with 202.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.ingestion import peers, sender
from bench.ingestion.contenders import TOOL_TOPIC, Contender, Cores
from bench.ingestion.far_end import FarEnd
from bench.ingestion.load import Load
from bench.ingestion.process import Process
from bench.ingestion.sender import Outcome, Plan
from compose.local import java
from lakehouse.errors import LakehouseError

Say = Callable[[str], None]
CONNECTIONS = {1: 256, 50: 64}
"""By events of a request. More than 64 for one event: each waits for a whole wave of acknowledgements."""
OPEN_CONNECTIONS = 4096
"""Clients that are there at once at most in an open loop."""


@dataclass(frozen=True)
class Taken:
    """One round of one contender. ``cpu`` is seconds per million events, until all of them were at the far end."""

    events: int
    rate: float
    cpu: float
    resident: int
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Stage:
    """What all scenes need."""

    programs: peers.Programs
    cores: Cores
    load: Load
    seconds: float
    say: Say

    def closed(self, contender: Contender, size: int, clients: int = 0, seconds: float = 0) -> Taken:
        """As fast as its answers come. 0 is what is usual."""
        plan = self._plan(contender, size, clients or CONNECTIONS[size], seconds or self.seconds, 0)
        return self._taken(contender, plan)

    def open(self, contender: Contender, size: int, rate: float, seconds: float) -> Taken:
        """``rate`` in requests a second."""
        return self._taken(contender, self._plan(contender, size, OPEN_CONNECTIONS, seconds, rate))

    def _plan(self, contender: Contender, size: int, connections: int, seconds: float, rate: float) -> Plan:
        return Plan(contender.address, str(self.load.requests[size]), connections, seconds, rate)

    def _taken(self, contender: Contender, plan: Plan) -> Taken:
        before = contender.process.cpu_seconds()
        outcome = sender.send(self.programs.sender, self.cores.others, plan)
        found = contender.far_end.await_events(outcome.events)
        cpu = (contender.process.cpu_seconds() - before) / max(found, 1) * 1e6
        _check(contender, outcome)
        rate = outcome.events / outcome.seconds
        self.say(
            f"{contender.name}: {rate:,.0f} events/s, {cpu:.1f} s of CPU a million, "
            f"p99 {outcome.p99:.1f} ms, {outcome.statuses}, unsent {outcome.unsent}"
        )
        return Taken(found, rate, cpu, contender.process.resident(), outcome)


def _check(contender: Contender, outcome: Outcome) -> None:
    """What an answer says of durability is part of the work that is compared."""
    taken = outcome.statuses.get("202", 0)
    expected = {"kafka": 0, "disk": taken, None: 0}[contender.durable]
    if outcome.disk != expected:
        raise LakehouseError(f"{contender.name}: {outcome.disk:,} of {taken:,} answers said `disk`, not {expected:,}")


_SAID = re.compile(r"(\d+) records sent, ([0-9.]+) records/sec")


@dataclass(frozen=True)
class Tool:
    """``kafka-producer-perf-test``, acks=all, the same events: the limit."""

    jars: Path
    bootstrap: str
    cores: Cores
    load: Load
    records: int
    log: Path

    def run(self, far_end: FarEnd, say: Say) -> Taken:
        self.log.write_bytes(b"")
        process = Process(self._command(), self.cores.contender, self.log, memory=0)
        process.start()
        cpu = process.wait_for_cpu()
        *_, (records, rate) = _SAID.findall(self.log.read_text())
        if int(records) != self.records or far_end.await_events(self.records) != self.records:
            raise LakehouseError(f"Kafka's tool sent {records} records, not {self.records}")
        say(f"Kafka's tool: {float(rate):,.0f} events/s, {cpu / self.records * 1e6:.1f} s of CPU a million")
        return Taken(self.records, float(rate), cpu / self.records * 1e6, 0)

    def _command(self) -> list[str]:
        return [
            *[java.java(), "-Xmx512m", "-cp", f"{self.jars}/*", "org.apache.kafka.tools.ProducerPerformance"],
            *["--topic", TOOL_TOPIC, "--num-records", str(self.records), "--throughput", "-1"],
            *["--payload-file", str(self.load.payload)],
            *["--producer-props", "acks=all", f"bootstrap.servers={self.bootstrap}"],
        ]
