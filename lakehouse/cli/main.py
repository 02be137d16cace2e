"""The command ``lakehouse``: one verb a module, loaded when it is called.

In: arguments. Out: results on stdout, progress on stderr; exit 0 done, 1 refused (wrong arguments, too), 2 broken. To
add a verb, add one line to :data:`VERBS` and a module with an ``app``.
"""

import importlib
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lakehouse.errors import LakehouseError, RefusedError

VERBS = {
    "up": "Start the stack on this machine, and wait until it works.",
    "down": "Stop everything that belongs to the stack.",
    "demo": "Start the stack, let simulated merchants send events, and show their metrics.",
    "status": "Show which services work, the current release and its age.",
    "token": "Issue and revoke tokens.",
    "keys": "List the keys that hash personal ids, or rotate them.",
    "replay": "Send the events of a file through the edge.",
    "transform": "Run one cycle: build, audit and release what readers do not see yet.",
    "reprocess": "Build history anew beside what readers see.",
    "promote": "Show readers another gold version.",
    "rollback": "Show readers the gold version that was there before.",
    "drop": "Drop a candidate that is needed no more.",
    "diff": "Show what a gold version would change, in rows and in money.",
    "release": "List the releases, or show one of them.",
    "reconcile": "Prove that every accepted event is counted exactly once.",
    "edge": "List the edges, or retire one whose disk is gone.",
    "bronze-to-raw": "Fill raw gaps: write raw files for what no raw file has.",
    "trace": "Follow one event from the edge to the numbers that count it.",
    "quarantine": "List, show and replay what was refused, with its bytes.",
    "vacuum": "Remove the files that no retained release and no gold version needs.",
    "sandbox": "Run dbt on the models of this checkout, in a schema of your own.",
    "sql": "Run a query over gold, silver, bronze and ops.",
}


class _Verb(TyperCommand):
    """A line of the help page; the module behind it is imported when the verb is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        module = importlib.import_module(f"lakehouse.cli.{(self.name or '').replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.help = command.help or self.help
        return command.make_context(info_name, args, parent, **extra)


class _Verbs(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _Verb(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None


_usage_error: Any = typer.BadParameter.__mro__[1]  # the base of all that is wrong with arguments; it has no public name
_usage_error.exit_code = RefusedError.exit_code  # by itself 2, which means broken here
app = typer.Typer(cls=_Verbs, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def lakehouse() -> None:
    """Merchant metrics lakehouse: every number can be counted again, and shown again.

    Examples: `lakehouse up`, `lakehouse status --format json`, `lakehouse down`. Each verb has its own --help.
    Settings come from the environment (LAKEHOUSE_HOME, LAKEHOUSE_PORT_BASE, ...; see .env.example).
    """


def main() -> None:
    try:
        app()
    except LakehouseError as error:
        print(f"lakehouse: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        traceback.print_exc()
        sys.exit(2)


if __name__ == "__main__":
    main()
