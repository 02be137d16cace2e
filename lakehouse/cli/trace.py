"""``lakehouse trace ID``: one event's path from the edge to the numbers that count it.

In: an event's id. Out: its extensions (such as the ``traceparent`` of the shop's own trace), position, raw file, Kafka
offset, bronze commit, verdict, and the row of gold with the release that showed it first. Exit 1 if no stage knows the
event.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from lakehouse.cli.output import Format, print_json
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.event_trace.stages import EventQuery
from lakehouse.event_trace.tracer import Tracer
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def trace(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's CloudEvents id.")],
    merchant: Annotated[str | None, typer.Option(help="Only this merchant's.")] = None,
    source: Annotated[str | None, typer.Option(help="Only from this CloudEvents source.")] = None,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Follow one event from the edge to the numbers that count it.

    Example: lakehouse trace o-1ce0cab80557-placed --merchant shop-001
    """
    settings = load_settings()
    tracer = Tracer(Trino.of(settings, read_only=True), HdfsFiles(settings.hdfs_url), Layout(settings.warehouse))
    document = tracer.trace(EventQuery(event_id, merchant, source))
    if output is Format.JSON:
        print_json(document)
    else:
        print("\n".join(as_text(document)))
    if not document["copies"] and not document["rejected"]:
        raise RefusedError(
            f"bronze has no event with the id {event_id!r}: it is still on its way (`lakehouse reconcile` shows "
            "what is in flight), or it was never accepted"
        )


def as_text(document: dict[str, Any]) -> Iterator[str]:
    """The path, one stage a line."""
    for copy in document["copies"]:
        yield f"{copy['type']} {copy['id']} of {copy['merchant_id']}, from {copy['source']}, at {copy['time']}"
        if copy["replay_of"]:
            yield f"  replays    {copy['replay_of']}"
        if copy["extensions"]:
            yield f"  extensions {json.dumps(copy['extensions'], ensure_ascii=False)}"
        at = copy["accepted"]
        yield f"  accepted   {at['accepted_at']} as {at['edge']}/{at['segment']}/{at['seq']}"
        raw = copy["raw"]
        yield f"  raw        {raw['file']} ({raw['first']} to {raw['last']})" if raw else "  raw        not shipped yet"
        yield from map(_delivery, copy["bronze"])
        yield f"  silver     {_silver(copy['silver'])}"
        yield from _gold(copy)
    for refused in document["rejected"]:
        where = f"refused by {refused['station']} at {refused['quarantined_at']}"
        yield f"{document['id']} of {refused['merchant_id']}: {where}: {refused['reason']} ({refused['detail']})"


def _delivery(bronze: dict[str, Any]) -> str:
    kafka = bronze["kafka"]
    came = f"{kafka['topic']}, partition {kafka['partition']}, offset {kafka['offset']}" if kafka else "a raw file"
    version = bronze["delta_version"]
    return f"  bronze     generation {bronze['generation']}, commit {'?' if version is None else version}, from {came}"


def _silver(silver: dict[str, Any] | None) -> str:
    if silver is None:
        return "not in the current release yet"
    return (
        f"{silver['verdict'].replace('_', ' ')} (gold version {silver['gold_version']}, snapshot {silver['snapshot']})"
    )


def _gold(copy: dict[str, Any]) -> Iterator[str]:
    gold = copy["gold"]
    if gold is None:
        if copy["silver"] and copy["silver"]["verdict"] == "counts":
            yield f"  gold       no metric of the catalogue counts {copy['type']}"
        return
    currency = f", {gold['currency']}" if gold.get("currency") else ""
    place = f"{gold['table']}, slot {gold['slot']}{currency}"
    if not gold["counted"]:
        yield f"  gold       is not counted in {place}: it repeats another, or was replaced (release {gold['release']})"
        return
    yield f"  gold       counted in {place}"
    yield f"             {', '.join(f'{name} {value}' for name, value in gold['row'].items())}"
    yield f"             first shown by release {gold['release']}, {gold['released_at']}"
