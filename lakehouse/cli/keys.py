"""``lakehouse keys list|rotate-personal-ids``: the keys with which edges hash customers' and visitors' ids.

In: a first day. Out: the keys that are listed, and whether this host has them; or what to copy to the hosts of other
edges. Exit 1 if this host lacks a key that is listed.
"""

from datetime import date
from typing import Annotated

import typer

from lakehouse import instants
from lakehouse.cli.operator import Actor, DryRun, Reason
from lakehouse.cli.output import Format, print_json, print_plan, table
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.settings import Settings, load_settings
from lakehouse.tokens.key_list import KeyList, lacking, needed_from
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.personal_keys import PersonalKeyFolder
from lakehouse.tokens.rotate import Rotate, RotateRequest, Rotation
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(
    add_completion=False, help="List the keys that hash personal ids, or rotate them.", no_args_is_help=True
)
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


@app.command("list")
def list_command(output: _Output = Format.TABLE) -> None:
    """List each key by the UTC day of events from which it holds, and say whether this host has it.

    Run it on each edge's host after a rotation: it exits with 1 where a key is missing or is another one.

    Example: lakehouse keys list --format json
    """
    settings = load_settings()
    folder = PersonalKeyFolder(KeyFolder(settings.keys_path))
    listed = KeyList(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)).read()
    prints = {day: entry.fingerprint for day, entry in listed.items()}
    lacks = {lack.first_day: lack for lack in lacking(folder, folder.read(), prints, settings.edge.max_future)}
    rows = [
        {
            "first_day": str(day),
            "fingerprint": entry.fingerprint,
            "here": day not in lacks,
            "needed_from": instants.to_text(needed_from(day, settings.edge.max_future)),
            "actor": entry.actor,
            "reason": entry.reason,
        }
        for day, entry in listed.items()
    ]
    if output is Format.JSON:
        print_json({"keys": rows, "lacks": [lack.message for lack in lacks.values()]})
    else:
        cells = [(row["first_day"], _yes(row["here"]), row["needed_from"], row["actor"] or "-") for row in rows]
        print(table(("first day", "here", "needed from", "actor"), cells, left={"first day", "needed from", "actor"}))
        print("".join(f"\n{lack.message}" for lack in lacks.values()), end="\n" if lacks else "")
    raise typer.Exit(1 if lacks else 0)


@app.command("rotate-personal-ids")
def rotate_command(
    first_day: Annotated[str, typer.Option("--from", metavar="DATE", help="The first UTC day of the new key.")],
    actor: Actor,
    reason: Reason = None,
    dry_run: DryRun = False,
    output: _Output = Format.TABLE,
) -> None:
    """Make a new key for the personal ids of events whose time lies on that UTC day or later.

    At least 48 hours ahead: the key has to be copied to the host of every other edge before. Events of earlier days go
    on being hashed with the key of their day, so that what is sent again stays a duplicate. The same person counts as
    another one from that day on. The same command again changes nothing. A listed key cannot be taken back.

    Examples: lakehouse keys rotate-personal-ids --from 2026-12-05 --dry-run;
    lakehouse keys rotate-personal-ids --from 2026-12-05 --reason "yearly" --format json
    """
    settings = load_settings()
    verb = _verb(settings)
    rotation = verb.plan(RotateRequest(_day(first_day), actor, reason))
    if dry_run:
        print_plan(VerbPlan("keys rotate-personal-ids", _steps(rotation), _facts(rotation)), output)
        return
    verb.carry_out(rotation)
    if output is Format.JSON:
        print_json(_facts(rotation))
    else:
        print("\n".join(_steps(rotation)))


def _verb(settings: Settings) -> Rotate:
    folder = PersonalKeyFolder(KeyFolder(settings.keys_path))
    return Rotate(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse), folder, settings.edge.max_future)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(f"--from must be a date (a UTC day), for example 2026-12-05; not {text!r}") from error


def _facts(rotation: Rotation) -> dict[str, object]:
    return {
        "first_day": str(rotation.request.first_day),
        "key": str(rotation.path),
        "needed_from": instants.to_text(rotation.needed_from),
        "was_listed": rotation.was_listed,
    }


def _steps(rotation: Rotation) -> tuple[str, ...]:
    day, again = rotation.request.first_day, ", as before" if rotation.was_listed else ""
    return (
        f"personal ids of events from {day} (UTC) on are hashed with the key in {rotation.path}{again}",
        f"copy that file to the key folder of every other edge's host before {instants.to_text(rotation.needed_from)}: "
        "from then on an edge without it takes no events. `lakehouse keys list` there says whether it is right",
    )


def _yes(value: object) -> str:
    return "yes" if value else "no"
