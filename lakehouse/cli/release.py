"""``lakehouse release list|show``: the log of what readers were shown.

In: the release log on HDFS. Out: releases, newest first, or one of them whole.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from lakehouse.cli.output import Format, print_json
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False, help="List the releases, or show one of them.", no_args_is_help=True)
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


@app.command("list")
def list_command(
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    output: _Output = Format.TABLE,
) -> None:
    """List releases, newest first.

    Example: lakehouse release list --format json
    """
    releases = [summary(published) for published in reversed(_log().refresh())][:limit]
    if output is Format.JSON:
        print_json(releases)
        return
    print(f"{'release':>8}  {'released at':<26}{'gold version':>13}  {'reason':<20}actor")
    for row in releases:
        print(
            f"{row['release']:>8}  {row['released_at']:<26}{row['gold_version']:>13}  {row['reason']:<20}{row['actor']}"
        )


@app.command("show")
def show_command(
    number: Annotated[int | None, typer.Argument(help="Its number; the current release without it.")] = None,
    output: _Output = Format.TABLE,
) -> None:
    """Show everything that a release names.

    Example: lakehouse release show 42 --format json
    """
    log = _log()
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
        print(f"{name:<18} {value if not isinstance(value, dict) else msgspec.json.encode(value).decode()}")


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


def _log() -> ReleaseLog:
    settings = load_settings()
    return ReleaseLog(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse))


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
