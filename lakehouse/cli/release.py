"""``lakehouse release list|show``: the log of what readers were shown.

In: the release log and the tables on HDFS. Out: releases, newest first, and what each gold version costs in bytes; or
one of them whole.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from lakehouse.cli.output import Format, print_json
from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.rebuilding.progress import Phase, ProgressFile
from lakehouse.releases.standing import Standing
from lakehouse.releases.upkeep.sizes import Cost, costs
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False, help="List the releases, or show one of them.", no_args_is_help=True)
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


@app.command("list")
def list_command(
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    output: _Output = Format.TABLE,
) -> None:
    """List releases, newest first, and what each gold version costs.

    ``gold_version_bytes`` is the length of the files of the release's gold version, silver and gold, on HDFS.

    Example: lakehouse release list --format json
    """
    files, layout = _warehouse()
    releases = ReleaseLog(files, layout).refresh()
    found = costs(files, layout, releases)
    totals = {cost.version: cost.total for cost in found}
    rows = [
        summary(published) | {"gold_version_bytes": totals.get(published.release.gold_version, 0)}
        for published in reversed(releases)
    ][:limit]
    if output is Format.JSON:
        print_json(rows)
        return
    print(f"{'release':>8}  {'released at':<26}{'gold version':>13}  {'reason':<20}actor")
    held = {published.number for published in releases if published.release.held}
    for row in rows:
        reason = f"{row['reason']} (held)" if row["release"] in held else row["reason"]
        print(f"{row['release']:>8}  {row['released_at']:<26}{row['gold_version']:>13}  {reason:<20}{row['actor']}")
    print(_costs_text(found, files, layout))


@app.command("show")
def show_command(
    number: Annotated[int | None, typer.Argument(help="Its number; the current release without it.")] = None,
    output: _Output = Format.TABLE,
) -> None:
    """Show everything that a release names.

    Example: lakehouse release show 42 --format json
    """
    log = ReleaseLog(*_warehouse())
    try:
        found = log.current() if number is None else log.get(number)
    except NotFoundError as error:
        raise RefusedError(str(error)) from error
    if found is None:
        raise RefusedError("nothing has been released yet; `lakehouse transform` runs a cycle")
    document = details(found)
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
        "released_at": _instant(published.released_at),
        "gold_version": release.gold_version,
        "reason": release.reason,
        "actor": release.actor,
    }


def details(published: Published) -> dict[str, Any]:
    """The summary, then what the manifest says besides."""
    release = published.release
    through = release.complete_through
    manifest: dict[str, Any] = msgspec.to_builtins(release)
    manifest.pop("nonce")
    manifest["complete_through"] = through and _instant(datetime.fromtimestamp(through / 1_000_000, UTC))
    return summary(published) | {name: value for name, value in manifest.items() if name not in summary(published)}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return "-" if value is None else str(value)


def _costs_text(found: list[Cost], files: Files, layout: Layout) -> str:
    """What each gold version costs, and how much of it would go if it were dropped."""
    head = f"\n{'gold version':>13}  {'standing':<12}{'silver bytes':>16}{'gold bytes':>16}{'only its own':>16}"
    lines = (
        f"{c.version:>13}  {_standing(c, files, layout):<12}{c.silver:>16,}{c.gold:>16,}{c.own:>16,}" for c in found
    )
    return "\n".join((head, *lines))


def _standing(cost: Cost, files: Files, layout: Layout) -> str:
    """As it is, or that its building has failed."""
    has_failed = cost.standing is Standing.BUILDING and ProgressFile(files, layout, cost.version).failure() is not None
    return Phase.FAILED if has_failed else cost.standing


def _warehouse() -> tuple[Files, Layout]:
    settings = load_settings()
    return HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
