"""How fast readers see another gold version, whatever its size: promote and rollback beside SQLMesh's ``plan dev``.

Two things are timed. From the instant at which the last gate has opened to the first answer of the API with the new
version, asked without pause. And the whole command, from its start to its end, beside the command by which SQLMesh
points an environment at another, already built version of a model.
"""

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bench.figures import Bar, Figure
from bench.history import midnight
from bench.releases.scene import Say, Scene, current_version, reprocess
from bench.report import Report
from bench.rounds import Spread, interleaved, spread
from bench.sqlmesh_peer import SqlMesh
from bench.station import LAKEHOUSE, Station
from lakehouse.clients import insights
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.errors import LakehouseError
from lakehouse.releases.versions import Versions
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.transform.publishing.rollback import RollbackRequest, rollback

MOST_SECONDS = 1.0
PATIENCE = 600.0
EVERY = 0.01
"""Seconds between two questions of who waits for the new version."""
PROMOTE, ROLLBACK, ROLLBACK_ASKED, PLAN = "promote", "rollback", "rollback, from asking", "SQLMesh plan dev"


@dataclass
class Watch:
    """Asks for one merchant's numbers again and again, until they come from ``version``."""

    station: Station
    merchant: str
    version: GoldVersionNumber
    seen_at: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stop.set()
        self._thread.join()
        if kind is None and not self.seen_at:
            raise LakehouseError(f"the API does not show gold version {self.version} after {PATIENCE:.0f} s")

    def _look(self) -> None:
        settings = self.station.settings
        token = issue(settings, self.merchant, [Scope.INSIGHTS_READ], timedelta(hours=1))
        last = midnight().date()
        query = f"metrics=gross_sales,orders&grain=day&from={last - timedelta(7)}&to={last}"
        path = f"/v1/merchants/{self.merchant}/metrics?{query}"
        connection = http.client.HTTPConnection(settings.host, settings.ports.insights, timeout=30)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self._stop.wait(EVERY):
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200 and json.loads(body)["receipt"]["gold_version"] == self.version:
                self.seen_at = time.perf_counter()
                return


@dataclass
class Switch:
    """Goes to the candidate and back. ``until_seen`` are the seconds from gates to answer, by what was done."""

    station: Station
    merchant: str
    live: GoldVersionNumber
    candidate: GoldVersionNumber
    until_seen: dict[str, list[float]] = field(default_factory=dict)

    def promote(self) -> float:
        """The whole command; the gates' last word on stderr is when they have passed."""
        self._await_prepared(self.candidate)
        with Watch(self.station, self.merchant, self.candidate) as watch:
            began = time.perf_counter()
            words = self._command("promote", str(self.candidate))
            seconds = time.perf_counter() - began
        passed = max(at for at in words if at < watch.seen_at)
        self.until_seen.setdefault(PROMOTE, []).append(watch.seen_at - passed)
        return seconds

    def rollback(self) -> float:
        self._await_prepared(self.live)
        with Watch(self.station, self.merchant, self.live):
            began = time.perf_counter()
            self._command("rollback")
            return time.perf_counter() - began

    def rollback_from_asking(self) -> float:
        """Without the start of a command, which is no gate."""
        self._await_prepared(self.live)
        versions = Versions(self.station.files, self.station.layout)
        with Watch(self.station, self.merchant, self.live) as watch:
            began = time.perf_counter()
            rollback(self.station.log, versions, RollbackRequest("bench"))
        self.until_seen.setdefault(ROLLBACK, []).append(watch.seen_at - began)
        return watch.seen_at - began

    def _await_prepared(self, version: GoldVersionNumber) -> None:
        """The API holds it in memory: what a promote waits for is not part of the switch."""
        deadline = time.monotonic() + PATIENCE
        while version not in (insights.prepared(self.station.settings.insights_url) or {}):
            if time.monotonic() > deadline:
                raise LakehouseError(f"the API does not load gold version {version} ahead")
            time.sleep(0.2)

    def _command(self, *arguments: str) -> list[float]:
        """When each line came on stderr."""
        process = subprocess.Popen(
            [str(LAKEHOUSE), *arguments],
            env=self.station.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        words = [(time.perf_counter(), line) for line in process.stderr]
        if process.wait():
            raise LakehouseError(f"`lakehouse {' '.join(arguments)}` failed: {''.join(line for _, line in words)}")
        return [at for at, _ in words]


@dataclass(frozen=True)
class Measured:
    """One size: whole commands, and from gates to answer."""

    rows: int
    commands: dict[str, Spread]
    until_seen: dict[str, Spread]


def measure(scene: Scene, rounds: int, peer: SqlMesh | None, say: Say) -> Measured:
    """One size, with a candidate of the same definition."""
    station = scene.station
    switch = Switch(station, scene.history.merchants[0], current_version(station), reprocess(station))
    say(f"gold version {switch.candidate} stands beside {switch.live}")
    contenders: dict[str, Callable[[], float]] = {
        PROMOTE: switch.promote,
        ROLLBACK: switch.rollback,
        "promote again": switch.promote,
        ROLLBACK_ASKED: switch.rollback_from_asking,
    }
    if peer is not None:
        contenders[PLAN] = peer.plan
    commands = interleaved(contenders, rounds, say)
    # Two promotes a round; the warm-up's do not count.
    seen = {PROMOTE: switch.until_seen[PROMOTE][2:], ROLLBACK: switch.until_seen[ROLLBACK][1:]}
    return Measured(scene.rows, commands, {name: spread(found) for name, found in seen.items()})


def report(found: list[Measured], rounds: int) -> Report:
    made = Report(
        "releases-switch",
        "Promote and rollback",
        f"{rounds} rounds after one that does not count: promote, rollback, promote, rollback, SQLMesh's plan. The API "
        "has loaded both versions ahead, as it does by itself. SQLMesh keeps its state and its data in DuckDB, with "
        "models like ours; each plan points its environment at another version of a changed model, both long built.",
        sizes={f"bronze_rows_{number}": one.rows for number, one in enumerate(found)},
    )
    for one in found:
        at = f"{one.rows:,} rows"
        made.figures += [
            Figure(f"lakehouse {name}", "gates to first answer", "s", value, at)
            for name, value in one.until_seen.items()
        ]
        made.figures += [
            Figure(name if name == PLAN else f"lakehouse {name}", "whole command", "s", value, at)
            for name, value in one.commands.items()
            if name in (PROMOTE, ROLLBACK, PLAN)
        ]
        for name, value in one.until_seen.items():
            promise = f"{name}: under a second from gates to first answer, {at}"
            made.bars.append(Bar(promise, f"{value.median:.2f} s, most {value.most:.2f} s", value.most < MOST_SECONDS))
        if PLAN in one.commands:
            made.bars += [_faster(name, one, at) for name in (PROMOTE, ROLLBACK)]
    return made


def _faster(name: str, one: Measured, at: str) -> Bar:
    mine, theirs = one.commands[name].median, one.commands[PLAN].median
    return Bar(
        f"`lakehouse {name}` faster than SQLMesh's plan, {at}", f"{mine:.2f} s against {theirs:.2f} s", mine < theirs
    )
