"""dbt as a process that its environment controls, and the manifest by which it defers to production.

In: arguments and options. Out: dbt's exit code and its output, or a manifest of a frozen definition whose tables have
been given other names.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lakehouse.contracts.tables import CATALOG
from lakehouse.errors import LakehouseError, RefusedError

# Trino's client tells everybody who imports it that it lacks a module that we do not need.
_PROGRAM = """
import logging
logging.getLogger("trino.auth").setLevel(logging.WARNING)
from dbt.cli.main import cli
cli(prog_name="dbt")
"""


def run(arguments: Sequence[str], options: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> int:
    """dbt's exit code. ``options`` are dbt's own (``TARGET``, ``STATE``); as environment variables each of its commands
    takes those that concern it. A process of its own, because dbt keeps settings and connections for the life of one.
    """
    own = {f"DBT_ENGINE_{name}": str(value) for name, value in options.items()}
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    return subprocess.run(command, env={**os.environ, **environment, **own}, stdin=subprocess.DEVNULL).returncode


def parse(project: Path, folder: Path, logs: Path) -> Path:
    """The manifest of a project, written to ``folder``."""
    folders = {"PROJECT_DIR": project, "PROFILES_DIR": project, "TARGET_PATH": folder, "LOG_PATH": logs}
    if run(["parse", "--quiet"], folders) != 0:
        raise LakehouseError(f"dbt cannot read the definition in {project}; its log is in {logs}")
    return folder / "manifest.json"


def deferring(manifest: bytes, schema: str, views: Mapping[str, str]) -> bytes:
    """The manifest with each model of ``views`` (its name, and the view that stands for it) in ``schema``."""
    document = msgspec.json.decode(manifest)
    for node in document["nodes"].values():
        if node["resource_type"] == "model" and node["name"] in views:
            view = views[node["name"]]
            node |= {"database": CATALOG, "schema": schema, "alias": view}
            node["relation_name"] = f'"{CATALOG}"."{schema}"."{view}"'
    return msgspec.json.encode(document)


def with_variables(arguments: Sequence[str], variables: Mapping[str, object]) -> list[str]:
    """The arguments with these variables; what they give by ``--vars`` themselves goes before."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--vars", default="{}")
    known, rest = parser.parse_known_args(list(arguments))
    try:
        given = msgspec.yaml.decode(known.vars, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RefusedError(f"--vars wants a YAML mapping, such as '{{order_repeat_days: 7}}': {error}") from error
    return [*rest, "--vars", msgspec.json.encode({**variables, **given}).decode()]
