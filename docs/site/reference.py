"""Pages of the documentation that are made from the code: settings, metrics, commands, problems, Prometheus.

In: ``.env.example``, the metric catalogue, the verbs, the types of problems, the telemetry modules. Out: Markdown.
Promise: nothing here is written twice; what the code does not say, no page says.
"""

import ast
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from lakehouse.cli.main import VERBS
from lakehouse.contracts.metrics import METRICS
from lakehouse.http.problems import Kind

ROOT = Path(__file__).resolve().parents[2]
TELEMETRY = (
    "ingestion/telemetry.py",
    "streaming/telemetry.py",
    "lakehouse/transform/service.py",
    "api/http/telemetry.py",
)
INSTRUMENTS = {"Counter", "Gauge", "Histogram"}


def pages() -> dict[str, str]:
    """Markdown by the name of its file."""
    return {
        "settings.md": f"# Settings\n\n{_settings((ROOT / '.env.example').read_text())}",
        "metrics.md": f"# Metrics\n\n{_metrics()}",
        "commands.md": f"# Commands\n\n{_commands()}",
        "problems.md": f"# Problems\n\n{_problems()}",
        "prometheus.md": f"# Prometheus\n\n{_prometheus()}",
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _settings(example: str) -> str:
    """A paragraph of the example is a heading's worth: its first comment, then a row a variable."""
    introduction, *groups = example.strip().split("\n\n")
    parts = [" ".join(line.lstrip("# ") for line in introduction.splitlines())]
    for group in groups:
        parts.append(_table(("variable", "default", "meaning"), _variables(group)))
    return "\n\n".join(parts)


def _variables(group: str) -> Iterator[tuple[str, str, str]]:
    said: list[str] = []
    for line in group.splitlines():
        if line.startswith("#"):
            said.append(line.lstrip("# "))
        else:
            name, _, value = line.partition("=")
            yield f"`{name}`", f"`{value}`", " ".join(said)
            said = []


def _metrics() -> str:
    rows = ((f"`{one.name}`", one.title, one.unit, one.formula, one.additive) for one in METRICS.values())
    return _table(("name", "title", "unit", "formula", "additive"), rows)


def _problems() -> str:
    rows = ((f"`{kind.type}`", kind.status, kind.title, kind.advice) for kind in Kind)
    return _table(("type", "status", "title", "what to do"), rows)


def _commands() -> str:
    return "\n".join(_command(verb, _loaded(verb)) for verb in VERBS)


def _loaded(verb: str) -> Any:
    return typer.main.get_command(importlib.import_module(f"lakehouse.cli.{verb.replace('-', '_')}").app)


def _command(name: str, command: Any) -> str:
    members = getattr(command, "commands", {})
    parts = [f"## lakehouse {name}", (command.help or "").strip()]
    rows = [
        (f"`{' '.join((*one.opts, *one.secondary_opts))}`", getattr(one, "help", "") or "")
        for one in command.params
        if one.name != "help"
    ]
    if rows:
        parts.append(_table(("option", "meaning"), rows))
    return "\n\n".join([*parts, *(_command(f"{name} {each}", one) for each, one in members.items())])


def _prometheus() -> str:
    rows = ((f"`{name}`", kind.lower(), said) for path in TELEMETRY for name, kind, said in _instruments(path))
    return _table(("name", "kind", "meaning"), rows)


def _instruments(path: str) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in INSTRUMENTS:
            name, said = (ast.literal_eval(argument) for argument in node.args[:2])
            yield name, node.func.id, said
