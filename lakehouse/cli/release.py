"""``lakehouse release list|show``: the log of what readers were shown.

In: the release log, the gold versions' documents and the tables on HDFS. Out: releases, newest first, and what each
gold version costs in bytes; or the gold versions, with who planned and who dropped them; or one release whole.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from lakehouse import instants
from lakehouse.cli.output import Format, print_json, table
from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.version_status import Status, VersionState, version_states
from lakehouse.releases.versions import Versions
from lakehouse.settings import load_settings
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.maintenance.sizes import Cost, costs
from lakehouse.transform.ops_api import responses
from lakehouse.transform.ops_api.responses import Document

app = typer.Typer(add_completion=False, help="List the releases, or show one of them.", no_args_is_help=True)
_TEXTS = frozenset({"released at", "kind", "actor", "reason", "standing", "who, and why"})
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


@app.command("list")
def list_command(
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="Gold versions instead, also candidates and what was dropped.")
    ] = False,
    output: _Output = Format.TABLE,
) -> None:
    """List releases, newest first, and what each gold version costs.

    ``gold_version_bytes`` is the length of the files of the release's gold version, silver and gold, on HDFS. With
    --versions each gold version, oldest first: its standing, who planned it and why, its cost, who dropped it and why.

    Examples: lakehouse release list --format json; lakehouse release list --versions
    """
    files, layout = _warehouse()
    releases = ReleaseLog(files, layout).refresh()
    found = costs(files, layout, releases, also_gone=versions)
    if versions:
        _show_versions(_priced(files, layout, found[-limit:] if limit else found), output)
        return
    totals = {cost.version: cost.total for cost in found}
    rows = [
        summary(published) | {"gold_version_bytes": totals.get(published.release.gold_version, 0)}
        for published in reversed(releases)
    ][:limit]
    if output is Format.JSON:
        print_json(rows)
        return
    held = {published.number for published in releases if published.release.held}
    print(table(("release", "released at", "gold version", "kind", "actor", "reason"), _cells(rows, held), left=_TEXTS))
    print()
    _show_versions(_priced(files, layout, found), output)


@app.command("show")
def show_command(
    number: Annotated[int | None, typer.Argument(help="Its number; the current release without it.")] = None,
    output: _Output = Format.TABLE,
) -> None:
    """Show everything that a release names, and what its gold version is today (`version`).

    Example: lakehouse release show 42 --format json
    """
    files, layout = _warehouse()
    log = ReleaseLog(files, layout)
    found = log.chosen(None if number is None else ReleaseNumber(number))
    [state] = (
        state
        for state in version_states(Versions(files, layout), log.refresh())
        if state.number == found.release.gold_version
    )
    document = details(found) | {"version": _version(files, layout, state)}
    if output is Format.JSON:
        print_json(document)
        return
    for name, value in document.items():
        print(f"{name:<18} {_shown(value)}")


def summary(published: Published) -> dict[str, Any]:
    """A release as a row of the list (contract 3)."""
    release = published.release
    return {
        "release": release.release,
        "released_at": instants.to_text(published.released_at),
        "gold_version": release.gold_version,
        "kind": release.kind,
        "reason": release.reason,
        "actor": release.actor,
    }


def details(published: Published) -> dict[str, Any]:
    """The summary, then what the manifest says besides."""
    release = published.release
    through = release.complete_through
    manifest: dict[str, Any] = msgspec.to_builtins(release)
    manifest.pop("nonce")
    manifest["unproved"] = responses.unproved(release)
    manifest["complete_through"] = through and instants.to_text(instants.from_micros(through))
    return summary(published) | {name: value for name, value in manifest.items() if name not in summary(published)}


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return "-" if value is None else str(value)


def _version(files: Files, layout: Layout, state: VersionState) -> Document:
    """As the ops API shows it."""
    progress = ProgressFile(files, layout, state.number).read()
    return responses.gold_version(state, progress, Versions(files, layout).drop_of(state.number))


def _priced(files: Files, layout: Layout, found: list[Cost]) -> list[Document]:
    """Gold versions, and what each costs."""
    return [
        _version(files, layout, cost.state)
        | {"silver_bytes": cost.silver, "gold_bytes": cost.gold, "own_bytes": cost.own}
        for cost in found
    ]


def _show_versions(rows: list[Document], output: Format) -> None:
    """What each costs, how much of it would go if it were dropped, and what operators said."""
    if output is Format.JSON:
        print_json(rows)
        return
    names = ("gold version", "standing", "silver bytes", "gold bytes", "only its own", "who, and why")
    cells = (
        (str(row["gold_version"]), _standing(row), row["silver_bytes"], row["gold_bytes"], row["own_bytes"], _said(row))
        for row in rows
    )
    print(table(names, cells, left=_TEXTS))


def _cells(rows: list[Document], held: set[ReleaseNumber]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        kind = f"{row['kind']} (held)" if row["release"] in held else row["kind"]
        yield str(row["release"]), row["released_at"], str(row["gold_version"]), kind, row["actor"], row["reason"] or ""


def _standing(row: Document) -> str:
    """As it is, or that its building has failed."""
    has_failed = row["standing"] == Status.BUILDING and row["progress"] and row["progress"]["phase"] == Phase.FAILED
    return str(Phase.FAILED if has_failed else row["standing"])


def _said(row: Document) -> str:
    """By whom it was planned and dropped, in their own words."""
    plan, dropped = row["plan"], row["dropped"]
    said = [f"planned by {_words(plan['actor'], plan['reason'])}"] if plan else []
    said += [f"dropped at {dropped['dropped_at']} by {_words(dropped['actor'], dropped['reason'])}"] if dropped else []
    return "; ".join(said)


def _words(actor: str, reason: str | None) -> str:
    return actor if reason is None else f"{actor} ({reason})"


def _warehouse() -> tuple[Files, Layout]:
    settings = load_settings()
    return HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
