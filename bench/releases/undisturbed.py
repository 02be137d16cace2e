"""What readers and the live line notice while all of history is rebuilt.

Merchants read at a fixed rate, and events trickle in through the edge, while ``lakehouse reprocess --from bronze``
runs. Each answer's wait is counted from when it was due. How late the line is, is what a sender sees: a page view is
sent every second, and the API asked until it is counted.
"""

import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from bench.figures import Bar, Figure
from bench.load import Outcome
from bench.readers import Readers
from bench.releases.scene import Say, Scene
from bench.report import Report
from bench.rounds import Spread, percentile, spread
from bench.station import Station
from lakehouse.clients.edge import Accepted, EdgeClient
from lakehouse.contracts.events import EventType
from lakehouse.errors import LakehouseError
from lakehouse.simulate.cloudevents import cloudevent
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

MOST_MILLISECONDS, MOST_LATE = 50.0, 300.0
TRICKLE = 50
"""Events a second through the edge; one of them is a page view of the probe."""
PROBE = "probe"
_PATIENCE = 900.0


@dataclass
class Trickle:
    """Sends, and asks what is counted; ``late`` are seconds from sending to being shown, one for each second."""

    station: Station
    late: list[float] = field(default_factory=list)
    _sent_at: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Trickle":
        self._pool = ThreadPoolExecutor(2)
        self._running = [self._pool.submit(self._send), self._pool.submit(self._look)]
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until everything that was sent is shown."""
        self._stop.set()
        with self._pool:
            for one in self._running:
                one.result()

    def _send(self) -> None:
        settings, began = self.station.settings, time.monotonic()
        mine, others = (issue(settings, name, [Scope.EVENTS_WRITE], timedelta(days=1)) for name in (PROBE, "crowd"))
        with EdgeClient(settings.edge_url) as edge:
            while not self._stop.wait(max(0.0, began + len(self._sent_at) - time.monotonic())):
                if not isinstance(edge.send(mine, _views(1)), Accepted):
                    raise LakehouseError("the edge does not take the probe's page view")
                self._sent_at.append(time.monotonic())
                edge.send(others, _views(TRICKLE - 1))

    def _look(self) -> None:
        deadline = None
        with _api(self.station) as api:
            before = _counted(api)
            while not self._stop.is_set() or len(self.late) < len(self._sent_at):
                counted = _counted(api) - before
                self.late += [time.monotonic() - at for at in self._sent_at[len(self.late) : counted]]
                if self._stop.is_set():
                    deadline = deadline or time.monotonic() + _PATIENCE
                    if time.monotonic() > deadline:
                        raise LakehouseError(f"{len(self._sent_at) - len(self.late)} page views are not counted")
                time.sleep(0.5)


def _api(station: Station) -> httpx.Client:
    token = issue(station.settings, PROBE, [Scope.INSIGHTS_READ], timedelta(days=1))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=station.settings.insights_url, headers=headers, trust_env=False, timeout=30)


def _counted(api: httpx.Client) -> int:
    today = datetime.now(UTC).date()
    span = {"from": str(today - timedelta(days=2)), "to": str(today + timedelta(days=2))}
    answer = api.get(f"/v1/merchants/{PROBE}/metrics", params={"metrics": "page_views", "grain": "day", **span})
    answer.raise_for_status()
    return sum(value or 0 for series in answer.json()["series"] for value in series["values"])


def _views(count: int) -> list[bytes]:
    now = datetime.now(UTC)
    who = {"visitor_id": "v", "session_id": "s"}
    return [
        msgspec.json.encode(cloudevent("/probe", EventType.PAGE_VIEWED, uuid.uuid4().hex, now, who))
        for _ in range(count)
    ]


@dataclass(frozen=True)
class Seen:
    """What was noticed over a span of time."""

    seconds: float
    readers: Outcome
    late: tuple[float, ...]

    @property
    def waited(self) -> list[float]:
        return [wait for wait in self.readers.waited if wait >= 0]

    @property
    def failed(self) -> int:
        return sum(self.readers.failures.values())


def run(scene: Scene, rate: float, quiet_for: float, say: Say) -> Report:
    quiet = _watched(scene, rate, lambda: time.sleep(quiet_for))
    say(_words("quiet", quiet))
    busy = _watched(scene, rate, lambda: _rebuild(scene.station, say))
    say(_words("rebuilding", busy))
    return _report(scene, rate, quiet, busy)


def _words(name: str, seen: Seen) -> str:
    p99 = percentile(seen.waited, 0.99)
    return (
        f"{name} for {seen.seconds:.0f} s: p99 {p99:.1f} ms, {seen.failed} failed, late {max(seen.late):.0f} s at most"
    )


def _watched(scene: Scene, rate: float, act: Callable[[], None]) -> Seen:
    with Trickle(scene.station) as trickle:
        readers = Readers(scene.station.settings, scene.history.merchants, scene.history.end, rate)
        began = time.monotonic()
        try:
            act()
        finally:
            seconds, outcome = time.monotonic() - began, readers.stop()
    return Seen(seconds, outcome, tuple(trickle.late))


def _rebuild(station: Station, say: Say) -> None:
    process = station.start("reprocess", "--from", "bronze")
    said = time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            say((station.settings.home_path / "reprocess.err").read_text().strip().splitlines()[-1])
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "lakehouse reprocess")


def _p99(seen: Seen) -> Spread:
    """That of all answers, and between which values that of each minute lay."""
    waited = seen.readers.waited
    step = max(1, round(len(waited) / max(1.0, seen.seconds / 60)))
    minutes = [[wait for wait in waited[at : at + step] if wait >= 0] for at in range(0, len(waited), step)]
    each = [percentile(minute, 0.99) for minute in minutes if len(minute) >= step / 2]
    return Spread(percentile(seen.waited, 0.99), min(each), max(each), tuple(each))


def _report(scene: Scene, rate: float, quiet: Seen, busy: Seen) -> Report:
    first = ", where they go first, for they stand for other machines" if busy.readers.on_time else ""
    report = Report(
        "releases-undisturbed",
        "While history is rebuilt",
        f"{scene.rows:,} rows of bronze rebuilt in {busy.seconds:.0f} s, with {rate:.0f} requests a second to the API "
        "(metrics of random merchants, hours to weeks; each wait counted from when the request was due; the readers "
        f"pinned to one core{first}) and "
        f"{TRICKLE} events a second through the edge. Before it, the same for {quiet.seconds:.0f} s with nothing being "
        "rebuilt. The p99 is that of all answers; its least and most are "
        f"those of single minutes. {scene.station.sizes}.",
        sizes={"bronze_rows": scene.rows, "requests_per_second": round(rate)},
    )
    for name, seen in (("quiet", quiet), ("rebuilding", busy)):
        median = percentile(seen.waited, 0.5)
        report.figures += [
            Figure(name, "an answer's wait, p99", "ms", _p99(seen)),
            Figure(name, "an answer's wait, median", "ms", spread([median])),
            Figure(name, "from sending to being shown", "s", spread(seen.late)),
        ]
    p99, late = percentile(busy.waited, 0.99), max(busy.late)
    answers = f"{busy.failed} of {busy.readers.asked:,} {busy.readers.failures or ''}".strip()
    report.bars += [
        Bar("no failed request", answers, busy.failed == 0),
        Bar("p99 at most 50 ms", f"{p99:.1f} ms", p99 <= MOST_MILLISECONDS),
        Bar("the line at most five minutes late", f"{late:.0f} s at most", late <= MOST_LATE),
    ]
    return report
