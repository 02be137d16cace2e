"""``lakehouse demo``: the whole path once, with generated merchants, and what they sent beside what the API shows.

In: nothing. Out: a running stack, a table of sent and shown numbers, the addresses of everything and a token to look
around with. Run again, it starts what is there and shows the same merchants.
"""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import httpx
import typer

from lakehouse import instants
from lakehouse.cli import up
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_plan, progress, table
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings, load_settings
from lakehouse.simulate.dataset import Dataset, simulated, write_ndjson
from lakehouse.simulate.truth import total
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(add_completion=False)
_METRICS = ("gross_sales", "orders", "units", "returns", "page_views")
_SPAN = timedelta(days=3)
_SEED = 7
_SAY_EVERY = 10.0


@dataclass(frozen=True)
class Line:
    """One number: what the merchant's shop did, and what the API says."""

    merchant_id: str
    metric: str
    currency: str | None
    sent: int
    shown: int | None

    @property
    def agrees(self) -> bool:
        return self.sent == self.shown


@app.command()
def demo(
    merchants: Annotated[int, typer.Option(min=1, max=1000, help="How many shops to simulate.")] = 5,
    patience: Annotated[float, typer.Option(help="Seconds to wait for the numbers.")] = 300,
    dry_run: DryRun = False,
) -> None:
    """Start the stack, let simulated merchants send events, and show their metrics beside what was sent.

    Everything is left running. Examples: lakehouse demo; lakehouse demo --merchants 50
    """
    settings = load_settings()
    if dry_run:
        print_plan(_plan(settings, merchants), Format.TABLE)
        return
    _lakehouse("up")
    end = _instant_of_first_run(settings)
    dataset = simulated(seed=_SEED, merchants=merchants, start=end - _SPAN, end=end)
    file = settings.home_path / "demo" / "events.ndjson"
    progress(f"{merchants} merchants send {write_ndjson(dataset, file)} events through the edge.")
    _lakehouse("replay", str(file))
    lines, release = _await_numbers(settings, dataset, end, time.monotonic() + patience)
    _print(settings, lines, release)


def _plan(settings: Settings, merchants: int) -> VerbPlan:
    started = up.plan(settings, up.chosen(None)).steps
    sent = f"events of {merchants} simulated merchants over {_SPAN.days} days are sent through the edge"
    return VerbPlan("demo", (*started, sent, "what they sent is shown beside what the API shows"))


def _lakehouse(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lakehouse.cli.main", *arguments], stdout=sys.stderr, check=False)
    if done.returncode:
        raise LakehouseError(f"`lakehouse {' '.join(arguments)}` ended with {done.returncode}; see above")


def _instant_of_first_run(settings: Settings) -> datetime:
    """The demonstration's present. Kept, so that a second run sends the same events, which changes no number."""
    kept = settings.home_path / "demo" / "present"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(instants.now().replace(microsecond=0).isoformat())
    return datetime.fromisoformat(kept.read_text())


def _await_numbers(
    settings: Settings, dataset: Dataset, end: datetime, deadline: float
) -> tuple[list[Line], ReleaseNumber | None]:
    """Asks until every number agrees. At the deadline, whatever is shown."""
    started = said = time.monotonic()
    while True:
        lines, release = _look(settings, dataset, end)
        agreeing = sum(line.agrees for line in lines)
        now = time.monotonic()
        if agreeing == len(lines) or now > deadline:
            return lines, release
        if now - said > _SAY_EVERY or said == started:
            shown = "no release yet, the first cycle takes a minute or two" if release is None else f"release {release}"
            progress(f"{agreeing} of {len(lines)} numbers are as sent; {shown}, {now - started:.0f} s.")
            said = now
        time.sleep(1)


def _look(settings: Settings, dataset: Dataset, end: datetime) -> tuple[list[Line], ReleaseNumber | None]:
    truth = total(dataset.truth)
    token = issue(settings, "demo", [Scope.INSIGHTS_READ_ANY], timedelta(hours=1))
    lines: list[Line] = []
    release: ReleaseNumber | None = None
    with httpx.Client(base_url=settings.insights_url, headers={"Authorization": f"Bearer {token}"}) as client:
        for merchant in sorted({merchant for merchant, _ in truth}):
            currency = next(c for m, c in sorted(truth, reverse=True) if m == merchant)
            sent = truth[(merchant, currency)] + truth.get((merchant, ""), Counter())
            answer = client.get(f"/v1/merchants/{merchant}/metrics", params=_query(end, currency))
            body = answer.json() if answer.status_code == 200 else {"series": [], "receipt": {}}
            release = body["receipt"].get("release", release)
            shown = {series["metric"]: sum(value or 0 for value in series["values"]) for series in body["series"]}
            lines += [Line(merchant, m, _money(m, currency), sent[m], shown.get(m)) for m in _METRICS]
    return lines, release


def _query(end: datetime, currency: str) -> dict[str, str]:
    start = (end - _SPAN).date()
    return {
        "metrics": ",".join(_METRICS),
        "from": start.isoformat(),
        "to": (end.date() + timedelta(days=1)).isoformat(),
        "grain": "day",
        "currency": currency,
    }


def _money(metric: str, currency: str) -> str | None:
    return currency if metric in ("gross_sales", "returns") else None


def _cells(line: Line) -> tuple[object, ...]:
    shown = "-" if line.shown is None else line.shown
    missing = "look at `lakehouse status`" if line.shown is None else "differs"
    return (
        line.merchant_id,
        line.metric,
        line.sent,
        shown,
        line.currency or "",
        "" if line.agrees else f"not yet: {missing}",
    )


def _print(settings: Settings, lines: list[Line], release: ReleaseNumber | None) -> None:
    names = ("merchant", "metric", "sent", "shown", "in minor units", "")
    print(f"\n{table(names, map(_cells, lines), left=('merchant', 'metric', 'in minor units', ''))}")
    merchant = lines[0].merchant_id
    token = issue(settings, merchant, [Scope.EVENTS_WRITE, Scope.INSIGHTS_READ], timedelta(days=1))
    print(
        f"\nRelease {release}. The stack is running:\n"
        f"  edge          {settings.edge_url}/docs\n"
        f"  insights API  {settings.insights_url}/docs\n"
        f"  web page      {settings.insights_url}/  (merchant {merchant}, token below)\n"
        f"  Trino         {settings.trino_url}\n"
        f"  HDFS          {settings.namenode_http_url}\n"
        f"  state, logs   {settings.home_path}\n\n"
        f"A token for {merchant}, for one day:\n{token}\n\n"
        'Next: `.venv/bin/lakehouse sql "select * from gold.merchant_sales_hourly limit 5"`, '
        "`.venv/bin/lakehouse reconcile`; `make down` stops everything."
    )
    if not all(line.agrees for line in lines):
        raise LakehouseError("some numbers are not there yet; `lakehouse demo` again waits for them")
