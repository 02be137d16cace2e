"""The report ``outage``: what an edge keeps in memory while Kafka is away, and whether all of it arrives.

In: a stack of Kafka and HDFS. Out: the edge's resident memory before, while and after Kafka is stopped, under a steady
load; raises where the topic has less than was answered with 202.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from bench.figures import Bar, Figure
from bench.ingestion import contenders, load, peers, sender
from bench.ingestion.contenders import Contender, Cores
from bench.ingestion.process import pinned
from bench.ingestion.scenes import Say
from bench.ingestion.sender import Outcome, Plan
from bench.report import Report, shown
from bench.rounds import spread
from bench.station import Station
from compose.local import supervisor
from compose.local.program import Layout
from compose.local.supervisor import Supervisor
from ingestion.tail_cache import CACHE_BYTES
from lakehouse.contracts.records import FRAME_BYTES
from lakehouse.contracts.topics import EVENTS as EVENTS_TOPIC

EVENTS = 50
RATE = 60
"""Requests a second: in two minutes four times what an edge keeps of its log in memory."""
CONNECTIONS = 256
BEFORE, AWAY, AFTER = PHASES = ("before", "Kafka stopped", "after")
_SHARES = {BEFORE: 0.4, AWAY: 0.2, AFTER: 0.4}
_SETTLING = 0.25
"""Of a phase: the first samples belong to the one before."""
_SAMPLE_SECONDS = 1.0
_MIB = 2**20


@dataclass
class Found:
    """Resident bytes by phase, and what was sent."""

    resident: dict[str, list[int]]
    outcome: Outcome
    arrived: int


def run(station: Station, seconds: float, say: Say) -> Report:
    cores = Cores.of_this_machine()
    programs = peers.build(station.settings.cache_path)
    folder = station.settings.home_path / "outage"
    with pinned(cores.others):
        station.up("kafka", "hdfs")
        sent = load.write(station.settings, folder, (EVENTS,))
        with contenders.edge_alone(station, cores, folder) as edge:
            plan = Plan(edge.address, str(sent.requests[EVENTS]), CONNECTIONS, seconds, RATE)
            with ThreadPoolExecutor(1) as generator:
                sending = generator.submit(sender.send, programs.sender, cores.others, plan)
                resident = dict(_phases(station, edge, sending, seconds, say))
            outcome = sending.result()
            found = Found(resident, outcome, edge.far_end.await_events(outcome.events))
    return _report(found, seconds)


def _phases(
    station: Station, edge: Contender, sending: "Future[Outcome]", seconds: float, say: Say
) -> Iterator[tuple[str, list[int]]]:
    for phase in PHASES:
        _switch_kafka(station, on=phase != AWAY)
        samples, until = [], time.monotonic() + seconds * _SHARES[phase]
        while time.monotonic() < until and not sending.done():
            time.sleep(_SAMPLE_SECONDS)
            samples.append(edge.process.resident())
        say(f"{phase}: {median(samples) / _MIB:.0f} MiB, at most {max(samples) / _MIB:.0f}")
        yield phase, samples[int(_SETTLING * len(samples)) :]


def _switch_kafka(station: Station, on: bool) -> None:
    access = supervisor.access(Layout(station.settings.home_path))
    assert access is not None
    if on:
        Supervisor(access).start("kafka")
    else:
        Supervisor(access).stop("kafka")


def _report(found: Found, seconds: float) -> Report:
    return Report(
        name="outage",
        title="An edge while Kafka is away",
        method=(
            f"One edge, which answers `disk`, gets {RATE} requests of {EVENTS} events a second for {seconds:g} s. "
            f"Kafka is stopped after {_SHARES[BEFORE]:.0%} of that time, for {_SHARES[AWAY]:.0%} of it. Memory is "
            f"what is resident, each second; of each phase the first {_SETTLING:.0%} do not count."
        ),
        figures=[
            Figure("the edge", "memory", "MiB", spread([one / _MIB for one in samples]), phase)
            for phase, samples in found.resident.items()
        ],
        bars=_bars(found),
        notes=[
            f"What is new in the log is kept in memory too, up to {CACHE_BYTES // _MIB} MiB. What is beyond that is "
            f"read back from the disk, a flush at a time: {EVENTS_TOPIC.partitions} frames of "
            f"{FRAME_BYTES // _MIB} MiB."
        ],
        sizes={"events a second": RATE * EVENTS, "seconds": round(seconds)},
    )


def _bars(found: Found) -> list[Bar]:
    early, late = (median(part) / _MIB for part in _thirds(found.resident[AFTER]))
    outcome = found.outcome
    return [
        Bar(
            "all that was answered with 202 arrives, and nothing was answered otherwise",
            f"{outcome.events:,} events answered, {found.arrived:,} on the topic; other answers: {outcome.broken or 0}",
            outcome.events == found.arrived and not outcome.broken and not outcome.refused,
        ),
        Bar(
            "afterwards memory is flat: in the last third of that time it is at most 1.05 times that of the first",
            f"{shown(late)} MiB, {shown(early)} before",
            late <= 1.05 * early,
        ),
    ]


def _thirds(samples: list[int]) -> tuple[list[int], list[int]]:
    """The first and the last."""
    third = -(-len(samples) // 3)
    return samples[:third], samples[-third:]
