"""Who takes part: for each, how it is started and where its events go.

In: a stack of Kafka and HDFS, and a folder. Out: running contenders, each on the same core, one worker.
"""

import dataclasses
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ingestion import peers
from bench.ingestion.far_end import FarEnd
from bench.ingestion.peers import apache_camel
from bench.ingestion.process import MEMORY, Process
from bench.station import Station
from compose.local.hdfs import USER
from lakehouse.clients.kafka_admin import create_topics
from lakehouse.contracts import topics

ACKS = "the edge, acks=all"
DISK = "the edge, disk"
WORKERS = "the edge, disk, two workers"
FASTAPI = "FastAPI + pydantic + aiokafka"
GO = "Go (franz-go)"
CAMEL = "Apache Camel"
TOOL = "Kafka's producer tool"

_FASTAPI_TOPIC, _GO_TOPIC, _CAMEL_TOPIC, TOOL_TOPIC = "bench-fastapi", "bench-go", "bench-camel", "bench-tool"
_FIRST_PORT = 13
"""After those of the stack."""


@dataclass
class Contender:
    """``durable`` is what each of its answers must say; None where it says nothing."""

    name: str
    address: str
    process: Process
    far_end: FarEnd
    durable: str | None = None


@dataclass(frozen=True)
class Cores:
    """Sets of cores as ``taskset`` spells them: one core for the contender, the others for all else."""

    contender: str
    others: str

    @classmethod
    def of_this_machine(cls) -> "Cores":
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls(str(first), ",".join(map(str, rest or [first])))


@contextmanager
def running(
    station: Station, cores: Cores, programs: peers.Programs, camel: Path | None, folder: Path
) -> Iterator[list[Contender]]:
    """All of them, at once: who has nothing to do costs nothing. ``camel`` are Camel's jars, if they could be had."""
    bootstrap = station.settings.kafka_bootstrap
    parts, keep = topics.EVENTS.partitions, topics.EVENTS.retention
    names = (_FASTAPI_TOPIC, _GO_TOPIC, _CAMEL_TOPIC, TOOL_TOPIC)
    create_topics(bootstrap, [topics.Topic(name, parts, keep) for name in names])
    with ExitStack() as open_:
        yield [
            _start(open_, contender)
            for contender in (
                _edge(station, cores, folder, ACKS, "bench.ingestion.edge_process", 0, "kafka"),
                _edge(station, cores, folder, DISK, "ingestion", 1, "disk"),
                _fastapi(station, cores, folder, 2),
                _go(station, cores, programs, folder, 3),
                *([_camel(station, cores, camel, folder, 5)] if camel else ()),
            )
        ]


@contextmanager
def edge_alone(station: Station, cores: Cores, folder: Path) -> Iterator[Contender]:
    """With nobody beside it."""
    with ExitStack() as open_:
        yield _start(open_, _edge(station, cores, folder, DISK, "ingestion", 1, "disk"))


@contextmanager
def two_workers(station: Station, cores: Cores, folder: Path) -> Iterator[Contender]:
    """On all cores: beside them the load generator and the broker are measured too, so only its CPU time counts."""
    both = dataclasses.replace(cores, contender=f"{cores.contender},{cores.others}")
    with ExitStack() as open_:
        contender = _edge(station, both, folder, WORKERS, "ingestion", 4, "disk")
        contender.process.environment = {**contender.process.environment, "LAKEHOUSE_EDGE__WORKERS": "2"}
        yield _start(open_, contender)


def _start(open_: ExitStack, contender: Contender) -> Contender:
    open_.callback(contender.far_end.close)
    open_.callback(contender.process.stop)
    contender.process.start()
    return contender


def _edge(station: Station, cores: Cores, folder: Path, name: str, module: str, number: int, durable: str) -> Contender:
    settings = station.settings
    port = settings.port_base + _FIRST_PORT + number
    own = {
        "LAKEHOUSE_HOME": str(folder / f"edge-{number}"),
        "LAKEHOUSE_PORT_BASE": str(port),
        "LAKEHOUSE_KEYS": str(settings.keys_path),
        "LAKEHOUSE_AT__KAFKA": settings.kafka_bootstrap,
        "LAKEHOUSE_AT__HDFS": settings.hdfs_url.removeprefix("hdfs://"),
        "LAKEHOUSE_EDGE__NAME": f"bench-{number}",
    }
    process = Process([sys.executable, "-m", module], cores.contender, folder / f"edge-{number}.log", {**USER, **own})
    process.ready = f"http://{settings.host}:{port}/readyz"
    far_end = FarEnd(settings.kafka_bootstrap, topics.EVENTS.name, own["LAKEHOUSE_EDGE__NAME"])
    return Contender(name, f"{settings.host}:{port}", process, far_end, durable)


def _fastapi(station: Station, cores: Cores, folder: Path, number: int) -> Contender:
    settings = station.settings
    port = settings.port_base + _FIRST_PORT + number
    command = [str(peers.PYTHON), str(peers.SOURCES / "fastapi_collector.py")]
    own = {
        "PEER_PORT": str(port),
        "PEER_KAFKA": settings.kafka_bootstrap,
        "PEER_TOPIC": _FASTAPI_TOPIC,
        "PEER_KEYS": str(settings.keys_path / "jwks.json"),
    }
    process = Process(command, cores.contender, folder / "fastapi.log", own, f"http://{settings.host}:{port}/healthz")
    far_end = FarEnd(settings.kafka_bootstrap, _FASTAPI_TOPIC)
    return Contender(FASTAPI, f"{settings.host}:{port}", process, far_end)


def _go(station: Station, cores: Cores, programs: peers.Programs, folder: Path, number: int) -> Contender:
    settings = station.settings
    address = f"{settings.host}:{settings.port_base + _FIRST_PORT + number}"
    command = [str(programs.collector), "-listen", address, "-kafka", settings.kafka_bootstrap, "-topic", _GO_TOPIC]
    command += ["-keys", str(settings.keys_path / "jwks.json")]
    own = {"GOMEMLIMIT": str(MEMORY * 9 // 10)}
    process = Process(command, cores.contender, folder / "go.log", own, f"http://{address}/healthz")
    return Contender(GO, address, process, FarEnd(settings.kafka_bootstrap, _GO_TOPIC))


def _camel(station: Station, cores: Cores, jars: Path, folder: Path, number: int) -> Contender:
    settings = station.settings
    address = f"{settings.host}:{settings.port_base + _FIRST_PORT + number}"
    own = apache_camel.environment(address, settings.kafka_bootstrap, _CAMEL_TOPIC)
    process = Process(apache_camel.command(jars), cores.contender, folder / "camel.log", own)
    process.ready, process.memory = f"http://{address}/healthz", 0
    return Contender(CAMEL, address, process, FarEnd(settings.kafka_bootstrap, _CAMEL_TOPIC))
