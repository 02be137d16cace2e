"""The report ``ingestion``: HTTP to Kafka, the edge beside its peers, each on one core with one worker."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.figures import Bar, Figure
from bench.ingestion import contenders, load, peers, profile, syncs
from bench.ingestion.contenders import ACKS, CAMEL, DISK, FASTAPI, GO, TOOL, WORKERS, Contender, Cores
from bench.ingestion.far_end import FarEnd
from bench.ingestion.peers import apache_camel
from bench.ingestion.process import pinned
from bench.ingestion.scenes import CONNECTIONS, OPEN_CONNECTIONS, Say, Stage, Taken, Tool
from bench.ingestion.syncs import Turns
from bench.report import Report, shown
from bench.rounds import spread
from bench.station import Station
from compose.local import artifacts, fetch
from compose.local.artifacts import ArtifactError
from lakehouse.settings import EdgeSettings

SIZES = tuple(CONNECTIONS)
SCENES = {1: "1 event a request", 50: "50 events a request"}
_WARM_UP = 1
_OPEN_ROUNDS = 3
_JAVA_WARM_UP = 4
"""Turns on top for Java, which compiles on the contender's core what has run often."""


@dataclass(frozen=True)
class Sizes:
    """``seconds`` of a contender's turn, ``records`` of Kafka's tool, ``apart`` seconds of an open loop."""

    rounds: int
    seconds: float
    records: int
    apart: float


@dataclass
class Found:
    """Rounds that count, by scene and contender; ``open`` are the open loops, ``parts`` the edge's shares."""

    closed: dict[int, dict[str, list[Taken]]] = field(default_factory=dict)
    open: dict[str, dict[str, list[Taken]]] = field(default_factory=dict)
    parts: dict[int, dict[str, float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    workers: list[Taken] = field(default_factory=list)
    syncs: Turns = field(default_factory=dict)

    def rate(self, size: int, name: str) -> float:
        return median(one.rate for one in self.closed[size][name])


def run(station: Station, sizes: Sizes, say: Say) -> Report:
    cores = Cores.of_this_machine()
    programs = peers.build(station.settings.cache_path)
    camel_jars = camel(station.settings.cache_path, say)
    folder = station.settings.home_path / "ingestion"
    with pinned(cores.others):
        station.up("kafka", "hdfs")
        sent = load.write(station.settings, folder, SIZES)
        stage = Stage(programs, cores, sent, sizes.seconds, say)
        with contenders.running(station, cores, programs, camel_jars, folder) as all_:
            found = _measure(stage, station, all_, sizes, folder)
        if "workers" in EdgeSettings.model_fields:
            with contenders.two_workers(station, cores, folder) as two:
                found.workers = [stage.closed(two, 1) for _ in range(_WARM_UP + sizes.rounds)][_WARM_UP:]
    return _report(found, sizes, sent)


def camel(cache: Path, say: Say) -> Path | None:
    """Its jars; the others are compared without it where these cannot be had."""
    try:
        return apache_camel.ensure(cache, say)
    except ArtifactError as error:
        say(f"without Camel: {error}")
        return None


def _measure(stage: Stage, station: Station, all_: list[Contender], sizes: Sizes, folder: Path) -> Found:
    found = Found()
    by_name = {contender.name: contender for contender in all_}
    jars = fetch.ensure(station.settings.cache_path, artifacts.CONFIGURATIONS, stage.say)["kafka"]
    bootstrap = station.settings.kafka_bootstrap
    tool = Tool(jars, bootstrap, stage.cores, stage.load, sizes.records, folder / "tool.log")
    tool_end = FarEnd(bootstrap, contenders.TOOL_TOPIC)
    for size in SIZES if CAMEL in by_name else ():
        stage.closed(by_name[CAMEL], size, seconds=_JAVA_WARM_UP * stage.seconds)
    for number in range(-_WARM_UP, sizes.rounds):
        stage.say(f"round {number + 1} of {sizes.rounds}")
        for size in SIZES:
            taken = {name: stage.closed(contender, size) for name, contender in by_name.items()}
            if size > 1:
                taken[TOOL] = tool.run(tool_end, stage.say)
            for name, one in taken.items() if number >= 0 else ():
                found.closed.setdefault(size, {}).setdefault(name, []).append(one)
    _open_loops(stage, by_name, found, sizes)
    found.syncs = syncs.measure(stage, by_name, sizes.rounds)
    _profiles(stage, by_name[ACKS], found, folder)
    found.peaks = {name: contender.process.peak() for name, contender in by_name.items()}
    return found


OVERLOAD, HALF = "twice its capacity", "half the edge's capacity"


def _open_loops(stage: Stage, by_name: dict[str, Contender], found: Found, sizes: Sizes) -> None:
    """Rates are those that the closed loop has found."""
    half = found.rate(1, ACKS) / 2
    for _ in range(min(sizes.rounds, _OPEN_ROUNDS)):
        for name in (name for name in (ACKS, GO, CAMEL, FASTAPI) if name in by_name):
            twice = stage.open(by_name[name], 1, 2 * found.rate(1, name), sizes.apart)
            found.open.setdefault(OVERLOAD, {}).setdefault(name, []).append(twice)
        for name in (name for name in (ACKS, DISK, GO, CAMEL) if name in by_name):
            calm = stage.open(by_name[name], 1, half, sizes.apart)
            found.open.setdefault(HALF, {}).setdefault(name, []).append(calm)


def _profiles(stage: Stage, edge: Contender, found: Found, folder: Path) -> None:
    """In turns of their own: a sampler costs what it samples."""
    for size in SIZES:
        file = folder / f"profile-{size}"
        with profile.sampled(edge.process.pid, stage.seconds, file):
            stage.closed(edge, size)
        if file.exists():
            found.parts[size] = profile.shares(file.read_text())


_CAMEL_NOTE = (
    "Camel (camel-main, a route in YAML: netty-http, Jackson, camel-kafka with its default acks=all and idempotence, "
    "batches wait 5 ms) splits the array and no more: it verifies no token, checks no event, and its records have no "
    "key. Its answer counts nothing. Java has a heap of 768 MiB, and four more turns to warm up."
)
_WITHOUT_CAMEL = "Apache Camel does not take part: its files could not be had from the public Maven repository."


def _report(found: Found, sizes: Sizes, sent: load.Load) -> Report:
    return Report(
        name="ingestion",
        title="HTTP to Kafka",
        method=(
            "Each contender has one worker on a core of its own; the load generator, one Kafka broker and HDFS share "
            f"the others. They take turns, {sizes.rounds} rounds of {sizes.seconds:g} s after one that does not count. "
            f"Events are those of simulated shops ({sent.event_bytes} bytes each), of {load.TOKENS:,} merchants with a "
            f"token each; {CONNECTIONS[1]} connections send one event a request, {CONNECTIONS[50]} send 50. In an open "
            f"loop requests come at a fixed rate for {sizes.apart:g} s, at most {_OPEN_ROUNDS} times, on at most "
            f"{OPEN_CONNECTIONS:,} connections. "
            "Answers come after acks=all, those of `disk` after the edge's own sync. A rate is of events that were "
            "answered with 202 and then counted on the topic."
        ),
        figures=[
            *_closed_figures(found),
            *_worker_figures(found),
            *_open_figures(found),
            *_part_figures(found),
            *_peak_figures(found),
        ],
        bars=_bars(found),
        notes=[
            "A single broker acknowledges; the edge is made to take it for two, so that it waits for acks=all.",
            "The peers remember verified tokens, as the edge does. FastAPI checks the same types, and hashes no "
            "personal ids; Go checks the envelope alone. A peer's record is an event.",
            _CAMEL_NOTE if CAMEL in found.peaks else _WITHOUT_CAMEL,
            f"Kafka's tool sends {sizes.records:,} of the same events a round, from memory: no HTTP, no JSON.",
            f"The table of syncs: medians of {syncs.ROUNDS} turns of at most {syncs.LONGEST_TURN:g} s, one event a "
            "request; each client sends again as soon as it has its answer. Kafka and HDFS use the same disk.",
            "A part's CPU is its share of the edge's stack samples, times the edge's CPU time.",
        ],
        tables=[syncs.table(found.syncs)],
        sizes={"rounds": sizes.rounds, "tokens": load.TOKENS, "event bytes": sent.event_bytes},
    )


def _closed_figures(found: Found) -> Iterator[Figure]:
    for size, by_name in found.closed.items():
        for name, rounds in by_name.items():
            yield Figure(name, "events", "a second", spread([one.rate for one in rounds]), SCENES[size])
        for name, rounds in by_name.items():
            yield Figure(name, "CPU", "s a million events", spread([one.cpu for one in rounds]), SCENES[size])


def _worker_figures(found: Found) -> Iterator[Figure]:
    if found.workers:
        yield Figure(WORKERS, "CPU", "s a million events", spread([one.cpu for one in found.workers]), SCENES[1])


def _open_figures(found: Found) -> Iterator[Figure]:
    for at, by_name in found.open.items():
        for name, rounds in by_name.items():
            outcomes = [one.outcome for one in rounds if one.outcome is not None]
            yield Figure(name, "p99 of a 202", "ms", spread([outcome.p99 for outcome in outcomes]), at)
            if at == OVERLOAD:
                yield Figure(name, "events", "a second", spread([one.rate for one in rounds]), at)
                shares = [100 * outcome.refused / max(1, outcome.due) for outcome in outcomes]
                yield Figure(name, "429 and 503", "% of requests due", spread(shares), at)
                unsent = [100 * outcome.unsent / max(1, outcome.due) for outcome in outcomes]
                yield Figure(name, "no connection free", "% of requests due", spread(unsent), at)


def _part_figures(found: Found) -> Iterator[Figure]:
    for size, shares in found.parts.items():
        cpu = median(one.cpu for one in found.closed[size][ACKS])
        for part, share in shares.items():
            yield Figure(f"{ACKS}: {part}", "CPU", "s a million events", spread([share * cpu]), SCENES[size])


def _peak_figures(found: Found) -> Iterator[Figure]:
    """``least`` and ``most`` of what is resident after a round say whether memory grows."""
    for name, peak in found.peaks.items():
        rounds = [one for by_name in found.closed.values() for one in by_name[name]]
        yield Figure(name, "memory after a round", "MiB", spread([one.resident / 2**20 for one in rounds]))
        yield Figure(name, "most memory", "MiB", spread([peak / 2**20]))


def _bars(found: Found) -> list[Bar]:
    edge, go = found.rate(1, ACKS), found.open[HALF][GO]
    overload = [one.outcome for one in found.open[OVERLOAD][ACKS] if one.outcome is not None]
    goodput = median(one.rate for one in found.open[OVERLOAD][ACKS])
    broken = sum(sum(outcome.broken.values()) for outcome in overload)
    return [
        _ratio(found, 50, TOOL, 0.5),
        _ratio(found, 50, FASTAPI, 5),
        _ratio(found, 1, FASTAPI, 4),
        _ratio(found, 1, GO, 0.8),
        Bar(
            f"at {OVERLOAD} the edge takes at least 0.9 of it, and refuses the others with 429 or 503",
            f"{goodput / edge:.2f}; {broken:,} requests were neither taken nor refused",
            goodput >= 0.9 * edge and not broken,
        ),
        *_scaled(found),
        _calm(median(p99s(found.open[HALF][ACKS])), median(p99s(go))),
    ]


def p99s(rounds: list[Taken]) -> list[float]:
    return [one.outcome.p99 for one in rounds if one.outcome is not None]


def _calm(edge: float, go: float) -> Bar:
    return Bar(f"at {HALF} its p99 is at most 3 times Go's", f"{shown(edge)} ms, Go {shown(go)} ms", edge <= 3 * go)


def _scaled(found: Found) -> Iterator[Bar]:
    """Two cores of its own would take what their CPU time allows."""
    if found.workers:
        one, two = (median(taken.cpu for taken in rounds) for rounds in (found.closed[1][DISK], found.workers))
        ratio = 2 * one / two
        yield Bar("two workers take at least 1.6 times what one takes, by their CPU time", f"{ratio:.2f}", ratio >= 1.6)


def _ratio(found: Found, size: int, of: str, least: float) -> Bar:
    ratio = found.rate(size, ACKS) / found.rate(size, of)
    return Bar(
        f"{SCENES[size]}: the edge takes at least {least:g} times what {of} takes", f"{ratio:.2f}", ratio >= least
    )
