"""``lakehouse reconcile``: the proof of promise 1, for every acceptance hour and in distinct positions.

In: edges, Kafka, raw files, bronze, silver. Out: whether accepted = kafka = raw = bronze = silver + duplicates +
quarantined (+ lost), and by name what is missing. Exit 0 balanced, 1 not balanced, 2 a station cannot be read.
"""

import time
from typing import Annotated

import typer

from lakehouse.cli.output import Format, print_json, progress
from lakehouse.ledger.gather import Gathered, Gatherer
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.report import as_document, as_text
from lakehouse.ledger.spans import size
from lakehouse.settings import load_settings

app = typer.Typer()
_PAUSE = 5.0


@app.command()
def reconcile(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until nothing is in flight, then judge every hour.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="With --wait: for so many seconds.")] = 600,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Prove that every accepted event is counted exactly once.

    An hour is judged once the current release is complete through its end. In later hours an event counts as soon as
    it has arrived at every station, and is in flight until then.

    Examples: lakehouse reconcile; lakehouse reconcile --wait --format json
    """
    gatherer = Gatherer(load_settings())
    gathered, verdict = _settle(gatherer, timeout) if wait else _once(gatherer)
    if output is Format.JSON:
        print_json(as_document(verdict) | {"release": gathered.release, "kafka_from_bronze": _aged(gathered)})
    else:
        print(as_text(verdict))
    raise typer.Exit(0 if verdict.balanced else 1)


def _once(gatherer: Gatherer) -> tuple[Gathered, Verdict]:
    gathered = gatherer.gather()
    return gathered, judge(gathered.evidence)


def _settle(gatherer: Gatherer, timeout: float) -> tuple[Gathered, Verdict]:
    """Reads until nothing is in flight; then, or when time is up, judges everything."""
    deadline = time.monotonic() + timeout
    while True:
        gathered, verdict = _once(gatherer)
        flying = verdict.totals["in_flight"]
        if not flying or time.monotonic() > deadline:
            return gathered, judge(gathered.evidence, everything=True)
        progress(f"{flying:,} events are in flight")
        time.sleep(_PAUSE)


def _aged(gathered: Gathered) -> int:
    """How many positions of the column ``kafka`` are known from bronze only, because Kafka has deleted them by age."""
    return size([run.span for run in gathered.aged_out])
