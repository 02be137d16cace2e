"""``lakehouse quarantine list|show|replay``: what was refused, by whom and why, and how it is sent again.

In: conditions, or entries' names. Out: counts and the newest entries, one entry whole, or what became of a replay. Exit
1 if there is no such entry, or some of what was replayed could not be sent or was rejected again.
"""

import sys
import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from lakehouse.cli.bars import Counting
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_json, print_plan, progress, table
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.quarantine import Station
from lakehouse.errors import RefusedError
from lakehouse.quarantine import documents
from lakehouse.quarantine.mend import mend_of
from lakehouse.quarantine.reading import Counts, Entry, Found, Quarantine
from lakehouse.quarantine.replaying import Prepared, Sent, prepare, send
from lakehouse.quarantine.selection import Named, Selection, Where, where_of
from lakehouse.replay.sender import Sender
from lakehouse.replay.tokens import issued
from lakehouse.settings import Settings, load_settings
from lakehouse.tokens import Scope
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(
    add_completion=False, help="List, show and replay what was refused, with its bytes.", no_args_is_help=True
)
_TEXTS = frozenset({"entry", "station", "reason", "merchant", "id", "detail", "at", "replayed"})
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


@app.command("list")
def list_command(
    reason: Annotated[str | None, typer.Option(help="Only with this reason.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only of this merchant.")] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="From this instant or UTC day on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Before this instant or UTC day.")] = None,
    station: Annotated[Station | None, typer.Option(help="Only what was refused there.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries, merchants and hours.")] = 20,
    replays: Annotated[
        bool, typer.Option("--replays", help="Say which were sent again; looks through all events since.")
    ] = False,
    output: _Output = Format.TABLE,
) -> None:
    """Count what was refused, by reason, merchant and hour, and list the newest entries.

    The edge rejects what breaks contract 1; streaming refuses records that no edge has written; the models set aside
    what they cannot read, and what has the identity of another event and differs from it.

    Examples: lakehouse quarantine list --since 2026-11-23 --reason unknown_currency;
    lakehouse quarantine list --merchant shop-1 --replays --format json
    """
    where = Where.of(reason=reason, merchant=merchant, since=since, until=until, station=station)
    quarantine = _open()
    counts, entries = quarantine.counts(where, limit), quarantine.newest(where, limit, replays=replays)
    if output is Format.JSON:
        print_json(documents.listing(counts, entries))
    else:
        print("\n\n".join(_tables(counts, entries)) if entries else _nothing(where))


@app.command("show")
def show_command(
    entry: Annotated[str, typer.Argument(help="Its name, as the list shows it.")],
    output: _Output = Format.TABLE,
) -> None:
    """Show all that is known of an entry, and the bytes that were sent.

    Personal ids are hashed in them before they are kept. Bytes that are no text are shown as base64 with --format json.

    Example: lakehouse quarantine show 20261123T100501123Z-9f86d081884c7d65
    """
    found = _open().find(entry)
    if found is None:
        raise RefusedError(f"there is no entry {entry!r}; `lakehouse quarantine list` shows them")
    if output is Format.JSON:
        print_json(documents.whole(found))
    else:
        print("\n".join(_lines(found)))


@app.command("replay")
def replay_command(
    entries: Annotated[
        list[str] | None, typer.Argument(metavar="ENTRY...", help="Names, or further conditions of --where.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="All with that reason, merchant, since, until, station."),
    ] = None,
    mend: Annotated[
        str | None, typer.Option(metavar="PROGRAM", help="A jq program, or a JSON patch (RFC 6902).")
    ] = None,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying while the edge is away.")] = 600,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending, at a terminal.")] = False,
    dry_run: DryRun = False,
    output: _Output = Format.TABLE,
) -> None:
    """Send entries through the edge again, for their merchants, mended if you say how.

    First shown is what they would add to the numbers: that is what is sent. Each gets a new position that names the old
    one. An event is counted once by its identity, so that replaying twice is harmless; an entry that conflicts with an
    event that counts needs another id to be counted beside it. Exits with 1 if some could not be sent or were rejected.

    Examples: lakehouse quarantine replay 20261123T100501123Z-9f86d081884c7d65;
    lakehouse quarantine replay --where reason=unknown_currency merchant=shop-1 --mend '.data.currency |=
    ascii_upcase' --dry-run
    """
    settings, selection = load_settings(), _selection(entries or [], where)
    mended = None if mend is None else mend_of(mend)
    quarantine = _open()
    with Counting(None, "entries", "reading") as bar:
        wanted = selection.places if isinstance(selection, Named) else ()
        found = quarantine.kept(selection)
        prepared = prepare(found, mended, quarantine.replayed, wanted=wanted, watch=bar.update)
    if dry_run:
        print_plan(VerbPlan("quarantine replay", tuple(map(_plain, prepared.told())), prepared.facts()), output)
        raise typer.Exit(1 if prepared.unsendable else 0)
    for line in prepared.told():
        progress(_plain(line))
    if not yes and _is_terminal() and not typer.confirm("Send?", err=True):
        raise RefusedError("nothing was sent")
    sent = _send(settings, prepared, patience)
    if output is Format.JSON:
        print_json(prepared.facts() | sent.facts())
    else:
        print("\n".join(map(_plain, _told(sent))))
    raise typer.Exit(1 if sent.rejected or prepared.unsendable else 0)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _selection(entries: list[str], where: list[str] | None) -> Selection:
    if where is not None:
        return where_of([*where, *entries])
    if not entries:
        raise RefusedError("name entries, or say which with --where reason=...; `lakehouse quarantine list` shows them")
    return Named.of(entries)


def _send(settings: Settings, prepared: Prepared, patience: float) -> Sent:
    token_of = issued(settings, Scope.EVENTS_WRITE, Scope.OPS)
    with Counting(prepared.events, "events", "sending") as bar:
        return send(
            prepared,
            lambda hear: Sender(settings.edge_url, token_of, hear, bar.update, give_up_after=patience),
        )


def _told(sent: Sent) -> Iterator[str]:
    yield f"accepted {sent.accepted:,}, rejected {sent.rejected.total():,}, retried {sent.retried:,}"
    yield from (f"{one.entry} is rejected again: {one.reason}: {one.detail}" for one in sent.troubles[:10])


def _open() -> Quarantine:
    settings = load_settings()
    return Quarantine(Trino.of(settings, read_only=True), HdfsFiles(settings.hdfs_url), Layout(settings.warehouse))


def _nothing(where: Where) -> str:
    return "Nothing was refused." if where == Where() else "Nothing that was refused meets these conditions."


def _tables(counts: Counts, entries: list[Entry]) -> Iterator[str]:
    reasons = [(station, reason, count) for (station, reason), count in counts.by_reason.items()]
    yield table(("station", "reason", "entries"), reasons, left=_TEXTS)
    yield table(("merchant", "entries"), [(name or "-", n) for name, n in counts.by_merchant.items()], left=_TEXTS)
    yield table(("at", "entries"), [(f"{hour:%Y-%m-%d %H}h", n) for hour, n in counts.by_hour.items()], left=_TEXTS)
    columns = ("entry", "at", "merchant", "reason", "detail", "id", "replayed")
    yield table(columns if entries[0].replays is not None else columns[:-1], map(_cells, entries), left=_TEXTS)


def _cells(entry: Entry) -> tuple[str, ...]:
    one = entry.refused
    at = f"{one.at:%Y-%m-%d %H:%M:%S}"
    said = (one.merchant_id or "-", one.reason, _short(one.detail), _short(one.id))
    replayed = () if entry.replays is None else (f"{len(entry.replays)}x",)
    return (one.name, at, *said, *replayed)


def _short(text: str | None) -> str:
    return _plain(textwrap.shorten(text or "-", 60, placeholder="..."))


def _plain(text: str) -> str:
    """What merchants have sent must not speak to a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def _lines(found: Found) -> Iterator[str]:
    document = documents.whole(found)
    text, counted = document.pop("text"), document.pop("counted")
    document.pop("body")
    document["deliveries"] = ", ".join(f"{d['topic']}/{d['partition']}/{d['offset']}" for d in found.deliveries)
    document["replays"] = ", ".join(document["replays"] or ())
    for name, value in document.items():
        yield _plain(f"{name:<12} {'-' if value in (None, '') else value}")
    if counted:
        yield f"{'counted':<12} {counted['position']}, which differs in {', '.join(counted['differs_in'])}"
    yield ""
    yield _plain(text) if text is not None else f"{len(found.kept.body):,} bytes that are no text; see --format json"
