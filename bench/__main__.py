"""``python -m bench``: runs benchmarks, each on a stack of its own, and writes their reports.

In: which, and how large. Out: ``bench/reports/NAME.md``, ``.json`` and ``.svg``; exit 1 if a bar was not kept.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.by_hand import report as by_hand
from bench.history import History, midnight
from bench.ingestion import outage
from bench.ingestion import report as ingestion
from bench.releases import rebuild, switch, undisturbed
from bench.releases.scene import DAYS, Scene, furnish
from bench.report import Report
from bench.routes import report as hot_routes
from bench.sqlmesh_peer import SqlMesh
from bench.station import station

REPORTS = Path(__file__).parent / "reports"
PEER_EVENTS = 200_000


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class Stages:
    """Stacks, one after the other; or with ``--together`` one for all, of the first one's size."""

    arguments: argparse.Namespace
    _open: ExitStack = field(default_factory=ExitStack)
    _scene: Scene | None = None

    def scene(self, rows: int) -> Scene:
        if self._scene is None or not self.arguments.together:
            self.end()
            own = self._open.enter_context(station(self.arguments.home.absolute() / "stack", self.arguments.port_base))
            self._scene = furnish(own, rows, say)
        return self._scene

    def end(self) -> None:
        self._open.close()
        self._scene = None


def main() -> int:
    arguments = _arguments()
    stages, kept = Stages(arguments), True
    try:
        for name in arguments.benchmarks:
            say(f"== {name}")
            report = BENCHMARKS[name](arguments, stages)
            print(report.write(arguments.reports).read_text(), flush=True)
            kept = kept and all(bar.kept for bar in report.bars)
    finally:
        stages.end()
    return 0 if kept else 1


def _rebuild(arguments: argparse.Namespace, stages: Stages) -> Report:
    return rebuild.run(stages.scene(arguments.size), rebuild.Sizes(arguments.sent, arguments.rounds), say)


def _switch(arguments: argparse.Namespace, stages: Stages) -> Report:
    """The peer works on the events of the smaller stack, and takes turns with both."""
    found = []
    sizes = {arguments.small} if arguments.together else {arguments.small, arguments.large}
    for rows in sorted(sizes):
        scene = stages.scene(rows)
        found.append(switch.measure(scene, arguments.switch_rounds, _peer(arguments, scene), say))
    return switch.report(found, arguments.switch_rounds)


def _peer(arguments: argparse.Namespace, scene: Scene) -> SqlMesh | None:
    if arguments.without_peers:
        return None
    events = History(min(arguments.small, PEER_EVENTS), DAYS, midnight()).peer_events()
    return SqlMesh(scene.station.settings.home_path / "sqlmesh", events)


def _undisturbed(arguments: argparse.Namespace, stages: Stages) -> Report:
    return undisturbed.run(stages.scene(arguments.rows), arguments.rate, arguments.quiet, say)


def _by_hand(arguments: argparse.Namespace, _: Stages) -> Report:
    return by_hand.run(arguments.gold, arguments.by_hand_rounds, say)


def _hot_routes(arguments: argparse.Namespace, _: Stages) -> Report:
    return hot_routes.run(arguments.route_rounds, say)


def _ingestion(arguments: argparse.Namespace, stages: Stages) -> Report:
    stages.end()
    sizes = ingestion.Sizes(arguments.turns, arguments.turn, arguments.records, arguments.open)
    with station(arguments.home.absolute() / "ingestion", arguments.port_base) as own:
        return ingestion.run(own, sizes, say)


def _outage(arguments: argparse.Namespace, stages: Stages) -> Report:
    stages.end()
    with station(arguments.home.absolute() / "outage", arguments.port_base) as own:
        return outage.run(own, arguments.outage, say)


BENCHMARKS: dict[str, Callable[[argparse.Namespace, Stages], Report]] = {
    "rebuild": _rebuild,
    "switch": _switch,
    "undisturbed": _undisturbed,
    "by-hand": _by_hand,
    "hot-routes": _hot_routes,
    "ingestion": _ingestion,
    "outage": _outage,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("benchmarks", nargs="*", default=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--home", type=Path, default=Path(".lakehouse-bench"), help="state of the stacks; removed after"
    )
    parser.add_argument("--port-base", type=int, default=28_000, help="the first of 20 free ports")
    parser.add_argument("--reports", type=Path, default=REPORTS)
    parser.add_argument("--together", action="store_true", help="all on one stack, of the first one's size")
    parser.add_argument("--size", type=int, default=2_000_000, help="rebuild: rows of bronze before the line's")
    parser.add_argument("--sent", type=int, default=500_000, help="rebuild: events sent through the line")
    parser.add_argument("--rounds", type=int, default=3, help="rebuild: rounds that count")
    parser.add_argument("--small", type=int, default=20_000, help="switch: rows of the small history")
    parser.add_argument("--large", type=int, default=4_000_000, help="switch: rows of the large history")
    parser.add_argument("--switch-rounds", type=int, default=5, help="switch: rounds that count")
    parser.add_argument("--without-peers", action="store_true", help="switch: without SQLMesh")
    parser.add_argument("--rows", type=int, default=20_000_000, help="undisturbed: rows that are rebuilt")
    parser.add_argument("--rate", type=float, default=200, help="undisturbed: requests a second")
    parser.add_argument("--quiet", type=float, default=60, help="undisturbed: seconds with nothing being rebuilt")
    parser.add_argument("--gold", type=int, default=1_000_000, help="by-hand: rows of gold")
    parser.add_argument("--by-hand-rounds", type=int, default=7, help="by-hand: rounds that count")
    parser.add_argument("--route-rounds", type=int, default=15, help="hot-routes: rounds that count")
    parser.add_argument("--turns", type=int, default=5, help="ingestion: rounds that count")
    parser.add_argument("--turn", type=float, default=4, help="ingestion: seconds of a contender's turn")
    parser.add_argument("--records", type=int, default=3_000_000, help="ingestion: records of Kafka's tool a round")
    parser.add_argument("--open", type=float, default=8, help="ingestion: seconds of an open loop")
    parser.add_argument("--outage", type=float, default=600, help="outage: seconds, Kafka is stopped for a fifth")
    found = parser.parse_args()
    if unknown := set(found.benchmarks) - BENCHMARKS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return found


if __name__ == "__main__":
    sys.exit(main())
