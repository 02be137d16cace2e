"""All benchmarks of ``bench/`` once, as small as they get, on one stack: they run, check what was built, and report.

Whether a bar is kept is no matter here: figures of a busy machine and of a handful of rows say nothing.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.ingestion.contenders import CAMEL, FASTAPI, GO, TOOL
from bench.sqlmesh_peer import COMMAND
from tests.support.embedded_stack import free_port_base

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
ROWS = [f"{option}=3000" for option in ("--size", "--small", "--large")]
SMALL = [
    *ROWS,
    "--sent=1000",
    "--rounds=1",
    "--switch-rounds=1",
    "--rate=50",
    "--quiet=3",
    "--gold=3000",
    "--by-hand-rounds=1",
    "--route-rounds=1",
    "--turns=1",
    "--turn=1",
    "--records=3000",
    "--open=1",
    "--outage=20",
]
PEERS = [] if COMMAND.exists() else ["--without-peers"]
NO_STACK_OF_RELEASES = {"by-hand": 3, "hot-routes": 2} | ({} if PEERS else {"ingestion": 7, "outage": 2})
BARS = {"rebuild": 2, "switch": 2 if PEERS else 4, "undisturbed": 3} | NO_STACK_OF_RELEASES

PEERS_OF = {"ingestion": {FASTAPI, GO, CAMEL, TOOL}}


def file(name: str) -> str:
    return name if name in NO_STACK_OF_RELEASES else f"releases-{name}"


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of those benchmarks whose tests were chosen."""
    chosen = [name for name in BARS if any(f"[{name}]" in item.nodeid for item in request.session.items)]
    home = tmp_path_factory.mktemp("bench")
    where = {"--home": home / "stack", "--port-base": free_port_base(), "--reports": home / "reports"}
    options = [str(text) for pair in where.items() for text in pair]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *chosen, "--together", *SMALL, *PEERS, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode in (0, 1), done.stderr[-5000:]
    assert "Traceback" not in done.stderr, done.stderr[-5000:]
    return home / "reports"


@pytest.mark.parametrize("name", BARS)
def test_a_benchmark_runs_and_reports(reports: Path, name: str) -> None:
    told: dict[str, Any] = json.loads((reports / f"{file(name)}.json").read_text())
    assert len(told["bars"]) == BARS[name]
    assert all(figure["value"]["samples"] and figure["value"]["least"] >= 0 for figure in told["figures"])
    assert {figure["of"] for figure in told["figures"]} >= PEERS_OF.get(name, set())
    page = (reports / f"{file(name)}.md").read_text()
    assert all(bar["promise"] in page for bar in told["bars"])
    assert str(reports.parent) not in page + json.dumps(told), "a path of this machine"
    assert (reports / f"{file(name)}.svg").read_text().startswith("<svg")
