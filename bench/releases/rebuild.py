"""How fast history is rebuilt: ``lakehouse reprocess --from bronze`` beside the whole line, and beside dbt alone.

The line's rate is that of the whole way: events sent through the edge as fast as ``lakehouse replay`` can, until the
API shows a release that counts the last of them. dbt alone is ``dbt build`` of the same models over the same bronze in
one go, with nobody to slice, audit the queries, publish or catch up.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Bar, Figure
from bench.history import History, midnight, ndjson
from bench.releases.scene import DAYS, Say, Scene, Shown, current_version, reprocess, sums
from bench.report import Report
from bench.rounds import interleaved, spread
from bench.station import Station
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.transform import catalog
from lakehouse.transform.definition import PROJECT

PLAIN_VERSION = GoldVersionNumber(9_000)
"""Gold versions that only dbt knows begin here."""
LINE_COPIES = 9_000
"""Shops that send now have names beginning here."""
LEAST_RATIO, MOST_TIME = 3.0, 1.2


@dataclass(frozen=True)
class Sizes:
    sent: int
    rounds: int


def run(scene: Scene, sizes: Sizes, say: Say) -> Report:
    station = scene.station
    line = _line(station, sizes.sent, say)
    rows = scene.rows + line.events
    truth = sums(station, current_version(station))
    if truth["events"] + truth["duplicates"] != rows:
        raise LakehouseError(f"silver holds {truth} after {rows:,} bronze rows")
    plain = Plain(station, truth)
    contenders = {"reprocess": lambda: _reprocess(station, truth), "dbt build": plain.build}
    seconds = interleaved(contenders, sizes.rounds, say)
    return _report(station, sizes, rows, line, {name: found.samples for name, found in seconds.items()})


@dataclass(frozen=True)
class Line:
    """``sending`` is when the sender was done, ``seconds`` when the last event was shown."""

    events: int
    sending: float
    seconds: float


def _line(station: Station, wanted: int, say: Say) -> Line:
    today = History(wanted, 1, midnight())
    file = station.settings.home_path / "line.ndjson"
    with file.open("wb") as target:
        target.writelines(ndjson(today, range(LINE_COPIES, LINE_COPIES + today.copies)))
    shown = Shown(station)
    before = shown.rows()
    began = time.monotonic()
    sent = json.loads(station.run("replay", str(file), "--connections", "8", "--format", "json"))
    sending = time.monotonic() - began
    if sent["rejected"]:
        raise LakehouseError(f"the edge refused some: {sent}")
    shown.wait(before + sent["accepted"], say)
    line = Line(sent["accepted"], sending, time.monotonic() - began)
    say(f"the line: {line.events:,} events sent in {sending:.0f} s, shown after {line.seconds:.0f} s")
    return line


def _reprocess(station: Station, truth: dict[str, int]) -> float:
    began = time.monotonic()
    version = reprocess(station)
    seconds = time.monotonic() - began
    _compare(f"gold version {version}", sums(station, version), truth)
    station.run("drop", str(version))
    return seconds


def _compare(name: str, found: dict[str, int], truth: dict[str, int]) -> None:
    if found != truth:
        raise LakehouseError(f"{name} holds {found}, and what readers see {truth}")


class Plain:
    """``dbt build`` by hand, in the same warehouse, by the same user as the cycles."""

    def __init__(self, station: Station, truth: dict[str, int]) -> None:
        self._station = station
        self._truth = truth
        self._version = PLAIN_VERSION

    def build(self) -> float:
        self._version = GoldVersionNumber(self._version + 1)
        station = self._station
        catalog.prepare(station.trino, station.settings, station.layout, self._version, FIRST_GENERATION)
        began = time.monotonic()
        done = subprocess.run(self._command(), env=self._environment(), capture_output=True, text=True)
        seconds = time.monotonic() - began
        if done.returncode:
            raise LakehouseError(f"dbt build failed: {done.stdout[-3000:]}")
        _compare("dbt's build", sums(station, self._version), self._truth)
        catalog.remove(station.trino, self._version)
        station.files.delete(station.layout.gold_version(self._version))
        return seconds

    def _command(self) -> list[str]:
        scratch = self._station.settings.home_path / "plain"
        variables = json.dumps({"gold_version": self._version})
        dbt = Path(sys.executable).with_name("dbt")
        folders = {"project-dir": PROJECT, "profiles-dir": PROJECT, "target-path": scratch, "log-path": scratch}
        options = [text for name, folder in folders.items() for text in (f"--{name}", str(folder))]
        return [str(dbt), "build", *options, "--vars", variables]

    def _environment(self) -> dict[str, str]:
        settings = self._station.settings
        return os.environ | {
            "LAKEHOUSE_TRINO_HOST": settings.host,
            "LAKEHOUSE_TRINO_PORT": str(settings.ports.trino),
            "LAKEHOUSE_TRINO_USER": TRANSFORM_USER,
        }


def _report(station: Station, sizes: Sizes, rows: int, line: Line, seconds: dict[str, tuple[float, ...]]) -> Report:
    rates = {name: spread([rows / sample for sample in found]) for name, found in seconds.items()}
    line_rate = line.events / line.seconds
    pairs = zip(seconds["reprocess"], seconds["dbt build"], strict=True)
    ratio = spread([mine / plain for mine, plain in pairs])
    faster = rates["reprocess"].median / line_rate
    report = Report(
        "releases-rebuild",
        "Rebuilding history",
        f"{rows:,} rows of bronze, {DAYS} days of simulated shops, one of a hundred a repeat; {station.sizes}. "
        f"The line: {line.events:,} events of a day through the edge, on top of that history. {sizes.rounds} rounds of "
        "each, taking turns, after one that does not count. Every build was compared with what readers see: rows of "
        "silver, orders, money and page views of gold.",
        sizes={"bronze_rows": rows, "sent": line.events, "rounds": sizes.rounds},
    )
    report.figures += [
        Figure("lakehouse reprocess", "rate", "rows/s", rates["reprocess"]),
        Figure("dbt build", "rate", "rows/s", rates["dbt build"]),
        Figure("the line, edge to API", "rate", "rows/s", spread([line_rate])),
        Figure("lakehouse reprocess", "whole command", "s", spread(seconds["reprocess"])),
        Figure("dbt build", "whole command", "s", spread(seconds["dbt build"])),
        Figure("reprocess / dbt build", "time, round by round", "ratio", ratio),
    ]
    report.bars += [
        Bar("reprocess at least 3x the line's rate", f"{faster:.2f}x", faster >= LEAST_RATIO),
        Bar("reprocess at most 1.2x a plain dbt build", f"{ratio.median:.2f}x", ratio.median <= MOST_TIME),
    ]
    report.notes.append(
        f"The sender was done after {line.sending:.0f} s; the last event was shown after {line.seconds:.0f} s."
    )
    return report
