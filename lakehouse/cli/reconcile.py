"""``lakehouse reconcile``: the proof of promise 1, for every acceptance hour and in distinct positions.

In: edges, Kafka, raw files, bronze, silver. Out: whether accepted = kafka = raw = bronze = silver + duplicates +
quarantined (+ lost), by name what is missing, and which hours of which edge cannot be judged. Exit 0 balanced, 1 not
balanced or not proved, 2 a stage cannot be read.
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from lakehouse import instants
from lakehouse.cli.output import Format, print_json, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import QueryFailedError
from lakehouse.errors import NotReadyError
from lakehouse.ledger.gather import Gathered, Gatherer
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import Doubt, Evidence, Stream
from lakehouse.ledger.report import as_document, as_text, retired_document, retired_text
from lakehouse.ledger.window import Window
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)
_PAUSE = 5.0
_LASTING = Doubt.SILENT
"""Waiting does not help."""


@app.command()
def reconcile(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until nothing is in flight, then judge every hour.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="With --wait: for so many seconds.")] = 600,
    since: Annotated[
        str | None, typer.Option(help="Only hours from this UTC day, or from the hour of this instant, on.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only hours before this UTC day or instant.")] = None,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Prove that every accepted event is counted exactly once.

    An hour is judged once the current release is complete through its end. In later hours an event counts as soon as
    it has arrived at every stage, and is in flight until then. What has not been judged is not proved: hours of an edge
    that is dead or cannot be read are listed as unproved with the reason, and the ledger is not balanced.

    Examples: lakehouse reconcile; lakehouse reconcile --wait --format json;
    lakehouse reconcile --since 2026-11-23 --until 2026-11-23T12:00:00Z
    """
    window = Window.of(since, until)
    settings = load_settings()
    gatherer = Gatherer(settings, HdfsFiles(settings.hdfs_url))
    silent_after = settings.transform.edge_silent_after
    gathered, verdict = _settle(gatherer, timeout, silent_after, window) if wait else _once(gatherer, window)
    if output is Format.JSON:
        more: dict[str, Any] = {"release": gathered.release, "kafka_from_bronze": gathered.kafka_from_bronze}
        more |= {"retired": retired_document(gathered.retirements), **window.document()}
        print_json(as_document(verdict) | more)
    else:
        print("\n".join((*window.text(), *retired_text(gathered.retirements), as_text(verdict))))
    raise typer.Exit(0 if verdict.balanced else 1)


def _once(gatherer: Gatherer, window: Window) -> tuple[Gathered, Verdict]:
    gathered = gatherer.gather(window=window)
    return gathered, window.part_of(judge(gathered.evidence))


def _settle(gatherer: Gatherer, timeout: float, silent_after: timedelta, window: Window) -> tuple[Gathered, Verdict]:
    """Reads until nothing that was accepted before now is in flight; then, or when time is up, judges everything.

    A stage that cannot be read, for example while it restarts, is read again until time is up.
    """
    began, deadline = instants.now(), time.monotonic() + timeout
    while True:
        try:
            gathered, verdict = _once(gatherer, window)
        except (NotReadyError, QueryFailedError) as error:
            if time.monotonic() > deadline:
                raise
            progress(f"A stage cannot be read yet: {error}")
            time.sleep(_PAUSE)
            continue
        flying = verdict.totals["in_flight"]
        silent = unheard(gathered.evidence, began, instants.now() - silent_after)
        verdict = window.part_of(final(gathered.evidence, began))
        doubtful = sorted({f"{one.edge}/{one.incarnation}" for one in verdict.unproved if one.reason is not _LASTING})
        if not (flying or silent or doubtful) or time.monotonic() > deadline:
            return gathered, verdict
        waiting = ", ".join(silent or doubtful)
        progress(f"{flying:,} events are in flight" if flying else f"Waiting for the ledger of {waiting}")
        time.sleep(_PAUSE)


def final(evidence: Evidence, began: datetime) -> Verdict:
    """On every hour; edges must have spoken since it began."""
    return judge(replace(evidence, heard_since=instants.to_micros(began)), everything=True)


def unheard(evidence: Evidence, since: datetime, silent_since: datetime) -> list[str]:
    """Edges that have not yet said what they had accepted by then, but for those that are silent for long or that an
    operator has given up."""
    newest, oldest = (int(at.timestamp() * 1_000_000) for at in (since, silent_since))
    return [
        f"{one.edge}/{one.incarnation}"
        for one in evidence.ledgers
        if not one.closed and Stream(one.edge, one.incarnation) not in evidence.retired and oldest <= one.at < newest
    ]
