"""Several workers on one port: real processes, killed one by one and together. Kafka and HDFS are away, so the disk
answers."""

import os
import signal
import subprocess
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation, begin
from ingestion.leftovers import CLOCK, adopt, take_lock, unfinished
from lakehouse.contracts.records import AcceptedEvent, incarnation_of
from lakehouse.settings import EdgeSettings, Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.edge_process import PATIENCE, EdgeProcess
from tests.support.running_edge import BATCH, event, free_port_base
from tests.support.valid_events import encode


class Edge:
    """An edge with some workers, and how many events it has said that it took."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, port_base=free_port_base())
        self.url = settings.edge_url
        self.taken = 0
        environment = {
            "LAKEHOUSE_HOME": str(home),
            "LAKEHOUSE_PORT_BASE": str(settings.port_base),
            "LAKEHOUSE_EDGE__KAFKA_ACK_TIMEOUT": "PT0.2S",
        }
        self.process = EdgeProcess(environment, self.url, home / "edge.log")
        token = issue(settings, "shop-1", [Scope.EVENTS_WRITE])
        self._headers = BATCH | {"Authorization": f"Bearer {token}"}

    def running(self, workers: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """It need not answer yet."""
        environment = self.process.environment | {"LAKEHOUSE_EDGE__WORKERS": str(workers)}
        return replace(self.process, environment=environment).started()

    def send(self) -> str:
        """Over a connection of its own. Returns the incarnation that took it."""
        response = httpx.post(
            f"{self.url}/v1/events", content=encode([event()]), headers=self._headers, trust_env=False
        )
        assert response.status_code == 202, response.text
        self.taken += 1
        return incarnation_of(response.json()["receipt"]["segment"])

    def incarnations(self, count: int) -> set[str]:
        """Sends until so many workers have taken something; a connection may meet one that is not there yet."""
        found: set[str] = set()

        def enough() -> bool:
            found.add(self.send())
            return len(found) >= count

        self.process.wait(enough)
        return found

    def figure(self, name: str) -> float:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def children(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_workers_share_a_port_and_none_needs_another(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    with edge.running(2) as process:
        first = edge.incarnations(2)
        edge.process.wait(lambda: edge.figure("edge_events_accepted_total") == edge.taken)
        killed, other = children(process)
        os.kill(killed, signal.SIGKILL)
        second = edge.incarnations(2)
        assert len(first & second) == 1
        assert other in children(process)
        process.terminate()
        assert process.wait(40) == 0
    folder = tmp_path / "edge" / "edge-1"
    assert (folder / "worker-1").is_dir()
    with edge.running(1):
        edge.process.wait(edge.send)
        assert not (folder / "worker-1").exists()
        assert first | second <= {path.name for path in folder.iterdir()}


def test_workers_die_with_what_started_them(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    with edge.running(2) as process:
        edge.incarnations(2)
        workers = children(process)
        process.kill()
        edge.process.wait(lambda: not any(alive(pid) for pid in workers))


def test_a_second_edge_of_the_name_is_refused(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    with edge.running(2):
        edge.incarnations(2)
        with edge.running(2) as second:
            assert second.wait(PATIENCE) == 1
        assert "another edge named edge-1 holds" in (tmp_path / "edge.log").read_text()
        edge.send()


def test_what_a_worker_has_that_is_no_more_is_taken_over(tmp_path: Path) -> None:
    settings = EdgeSettings(workers=2)
    clock = Clock(tmp_path / CLOCK)
    runs: dict[int, Incarnation] = {}
    for worker in (1, 2, 3):
        folder = tmp_path / f"worker-{worker}"
        folder.mkdir()
        runs[worker] = begin(folder, Clock(folder / CLOCK, lambda: 4_000_000_000_000_000), settings)
        runs[worker].log.append("m", [AcceptedEvent("e", "s", "page.viewed", 1, "{}")])
        Clock(folder / CLOCK).keep(4_000_000_000_000_000 + worker)
    with take_lock(tmp_path / "worker-3", "edge-1"):
        adopt(tmp_path, clock, settings)
    found = unfinished(tmp_path, clock, settings)
    assert [run.id for run in found] == [runs[2].id]
    assert found[0].log.next == 1
    assert clock.now() >= 4_000_000_000_000_002
    assert sorted(path.name for path in tmp_path.glob("worker-*")) == ["worker-1", "worker-3"]


@pytest.mark.parametrize("workers", [0, 257])
def test_a_number_of_workers_that_makes_no_sense_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match="workers"):
        EdgeSettings(workers=workers)
