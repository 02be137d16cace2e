"""The report ``outage``: what an edge keeps in memory while Kafka is away, and whether all of it arrives.

In: a stack of Kafka and HDFS. Out: the edge's resident memory before, while and after Kafka is stopped, under a steady
load, and its course; raises where the topic has less than was answered with 202.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from statistics import median

from bench.course import Course, Span
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


Sample = tuple[float, int]
"""Seconds from the beginning, and resident bytes."""


@dataclass
class Found:
    """All samples by phase, and what was sent."""

    samples: dict[str, list[Sample]]
    outcome: Outcome
    arrived: int

    def resident(self, phase: str) -> list[int]:
        """Of the samples that count."""
        samples = self.samples[phase]
        return [size for _, size in samples[int(_SETTLING * len(samples)) :]]


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
                samples = dict(_phases(station, edge, sending, seconds, say))
            outcome = sending.result()
            found = Found(samples, outcome, edge.far_end.await_events(outcome.events))
    return _report(found, seconds)


def _phases(
    station: Station, edge: Contender, sending: "Future[Outcome]", seconds: float, say: Say
) -> Iterator[tuple[str, list[Sample]]]:
    began = time.monotonic()
    for phase in PHASES:
        _switch_kafka(station, on=phase != AWAY)
        samples: list[Sample] = []
        until = time.monotonic() + seconds * _SHARES[phase]
        while time.monotonic() < until and not sending.done():
            time.sleep(_SAMPLE_SECONDS)
            samples.append((time.monotonic() - began, edge.process.resident()))
        sizes = [size / _MIB for _, size in samples]
        say(f"{phase}: {median(sizes):.0f} MiB, at most {max(sizes):.0f}")
        yield phase, samples


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
            Figure("the edge", "memory", "MiB", spread([one / _MIB for one in found.resident(phase)]), phase)
            for phase in found.samples
        ],
        course=_course(found),
        bars=_bars(found),
        notes=[
            f"What is new in the log is kept in memory too, up to {CACHE_BYTES // _MIB} MiB. What is beyond that is "
            f"read back from the disk, a flush at a time: {EVENTS_TOPIC.partitions} frames of "
            f"{FRAME_BYTES // _MIB} MiB."
        ],
        sizes={"events a second": RATE * EVENTS, "seconds": round(seconds)},
    )


def _course(found: Found) -> Course:
    points = [(round(at, 1), round(size / _MIB, 1)) for at, size in chain(*found.samples.values())]
    away = [at for at, _ in found.samples[AWAY]]
    return Course("the edge's resident memory", "MiB", points, [Span(AWAY, away[0], away[-1])])


def _bars(found: Found) -> list[Bar]:
    early, late = (median(part) / _MIB for part in _thirds(found.resident(AFTER)))
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
