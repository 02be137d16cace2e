"""``lakehouse replay FILE``: events from an NDJSON file through the edge, as any shop would send them.

In: one CloudEvent a line. Out: a summary ``{"sent", "accepted", "rejected", "retried"}``; exit 0 if all were accepted,
1 if some were rejected, 2 if the edge cannot be used. Running it again with the same file changes no number.
"""

import base64
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from lakehouse.cli.bars import Counting
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_json, print_plan
from lakehouse.errors import RefusedError
from lakehouse.replay.batches import batches
from lakehouse.replay.lines import Line, RejectedLine, content_of, read_lines
from lakehouse.replay.sender import Sender, Summary
from lakehouse.replay.tokens import issued
from lakehouse.settings import load_settings
from lakehouse.tokens import MERCHANT_ID, MERCHANT_ID_RULE, Scope
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(add_completion=False)
_MOST_WAITING = 20_000
_MOST_SHOWN = 10
"""Rejected lines on stderr; a file keeps all."""


@app.command()
def replay(
    file: Annotated[str, typer.Argument(help="NDJSON, one CloudEvent a line; - reads stdin.")],
    merchant: Annotated[str | None, typer.Option(help="All events are of this merchant.")] = None,
    merchant_field: Annotated[
        str, typer.Option(help="Attribute that names each event's merchant; it is not sent.")
    ] = "merchant",
    token: Annotated[str | None, typer.Option(help="Send with this token; its merchant is that of all events.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many events a second.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Events a request.")] = 500,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Requests at once.")] = 4,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying while the edge is away.")] = 600,
    rejects: Annotated[Path | None, typer.Option(help="Write what was rejected to this file.")] = None,
    edge: Annotated[str | None, typer.Option(help="Address of another edge than this stack's.")] = None,
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Send the events of a file through the edge.

    What is put off (429, 503) or not answered is sent again with the same ids, which is harmless. Exits with 1 if some
    events were rejected.

    Examples: lakehouse replay events.ndjson --merchant shop-1; zcat day.gz | lakehouse replay - --rate 500; lakehouse
    replay mixed.ndjson --merchant-field tenant --rejects rejected.ndjson; lakehouse replay mixed.ndjson --dry-run
    """
    if merchant and token:
        raise RefusedError("say either --merchant or --token: a token names its merchant itself")
    settings, named = load_settings(), merchant or ("token" if token else None)
    if dry_run:
        with _open(file) as source:
            plan = plan_of(read_lines(source, merchant=named, field=merchant_field), edge or settings.edge_url, rejects)
        print_plan(plan, output)
        raise typer.Exit(1 if plan.facts["rejected"] else 0)
    with ExitStack() as stack:
        source = stack.enter_context(_open(file))
        bar = stack.enter_context(_bar(file))
        keep = stack.enter_context(_rejects(rejects)) if rejects else None
        sender = Sender(
            url=edge or settings.edge_url,
            token_of=_constant(token) if token else issued(settings, Scope.EVENTS_WRITE),
            on_rejected=_reporter(bar, keep),
            on_progress=bar.update,
            connections=connections,
            rate=rate,
            give_up_after=patience,
        )
        lines = _readable(read_lines(source, merchant=named, field=merchant_field), sender)
        waiting = _MOST_WAITING if rate is None else max(batch, int(rate))
        summary = sender.run(batches(lines, batch, min(waiting, _MOST_WAITING)))
    _show(summary, output)
    raise typer.Exit(1 if summary.rejected else 0)


def plan_of(read: Iterable[Line | RejectedLine], url: str, rejects: Path | None) -> VerbPlan:
    """What would be sent: all that can be known without the edge. Raises :class:`RefusedError`, too."""
    if rejects is not None and (rejects.is_dir() or not rejects.absolute().parent.is_dir()):
        raise RefusedError(f"{rejects} cannot be written; name another file with --rejects")
    merchants: Counter[str] = Counter()
    rejected: list[RejectedLine] = []
    for line in read:
        if isinstance(line, RejectedLine):
            rejected.append(line)
        else:
            merchants[line.merchant_id] += 1
    for merchant in merchants:
        if not MERCHANT_ID.fullmatch(merchant):
            raise RefusedError(f"{merchant!r} is no merchant id: use {MERCHANT_ID_RULE}")
    events = merchants.total()
    steps = [f"{events:,} events of {len(merchants):,} merchants are sent to {url}"]
    steps += [f"line {one.number} is rejected: {one.reason}: {one.detail}" for one in rejected[:_MOST_SHOWN]]
    facts = {"edge": url, "events": events, "merchants": len(merchants), "rejected": len(rejected)}
    return VerbPlan("replay", tuple(steps), facts)


def _readable(read: Iterator[Line | RejectedLine], sender: Sender) -> Iterator[Line]:
    for line in read:
        if isinstance(line, RejectedLine):
            sender.reject(line)
        else:
            yield line


def _open(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return open(file, "rb")
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}") from error


def _rejects(file: Path) -> BinaryIO:
    try:
        return file.open("wb")
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name another file with --rejects") from error


def _bar(file: str) -> Counting:
    total = None
    if file != "-":
        with open(file, "rb") as lines:
            total = sum(1 for line in lines if content_of(line))
    return Counting(total, "events")


def _constant(token: str) -> Callable[[str], str]:
    return lambda _: token


def _reporter(bar: Counting, keep: BinaryIO | None, most_shown: int = _MOST_SHOWN) -> Callable[[RejectedLine], None]:
    """Shows the first rejected lines on stderr, and writes all of them to the file of rejects."""
    shown = 0

    def report(rejected: RejectedLine) -> None:
        nonlocal shown
        shown += 1
        if shown <= most_shown:
            bar.say(f"line {rejected.number}: {rejected.reason}: {rejected.detail}")
        elif shown == most_shown + 1:
            bar.say("further rejected lines are counted only; --rejects FILE keeps them")
        if keep:
            keep.write(msgspec.json.encode(_document(rejected)) + b"\n")

    return report


def _document(rejected: RejectedLine) -> dict[str, Any]:
    """``event`` is the line's JSON, as it was written; of a line that is none, ``body`` holds the bytes in base64."""
    document = {
        "line": rejected.number,
        "merchant": rejected.merchant_id,
        "reason": rejected.reason,
        "detail": rejected.detail,
    }
    try:
        rejected.text.decode("utf-8")
        return document | {"event": msgspec.json.decode(rejected.text, type=msgspec.Raw)}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return document | {"body": base64.b64encode(rejected.text).decode()}


def _show(summary: Summary, output: Format) -> None:
    if output is Format.JSON:
        print_json(asdict(summary))
    else:
        print(", ".join(f"{name} {count:,}" for name, count in asdict(summary).items()))
