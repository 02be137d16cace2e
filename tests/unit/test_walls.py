"""The walls of the code: who may import whom, and where a name may be spelled."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from lakehouse.cli.main import VERBS
from lakehouse.contracts import tables
from lakehouse.contracts.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
HOPS = ("ingestion", "streaming", "api")
CLIENTS = {
    "kafka": "lakehouse/clients/kafka",
    "trino": "lakehouse/clients/trino",
    "hdfs_native": "lakehouse/clients/files",
    "deltalake": "lakehouse/clients/delta_table",
}
"""A client library, and how the names of the modules begin that may import it."""

SHARED = (
    *("clients", "contracts", "http", "releases", "tokens"),
    *("errors", "instants", "json_logs", "settings", "turns"),
)
APPLICATION = {
    *(
        "bronze_to_raw",
        "cli",
        "event_trace",
        "ledger",
        "quarantine",
        "replay",
        "simulate",
        "stack_health",
        "table_files",
    ),
    *("transform", "trino_plugin", "verb_plan"),
}
"""The shared floor: what the hops may import of ``lakehouse``. Everything else there is the application floor."""

MODULE_NAME = re.compile(r"(?:lakehouse|ingestion|streaming|api)(?:\.[a-z_]+)+")
"""A module that a text names, as for a process of its own."""

MODULES = sorted(
    path.relative_to(ROOT) for hop in (*HOPS, "lakehouse", "compose") for path in (ROOT / hop).rglob("*.py")
)


def imported(path: Path) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def named(path: Path) -> set[str]:
    """What a module imports, and what its texts name as a module of ours."""
    texts = {
        node.value
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_NAME.fullmatch(node.value)
    }
    whole = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "lakehouse"
        for alias in node.names
    }
    return (imported(path) - {"lakehouse"}) | texts | whole


def is_shared(name: str) -> bool:
    return name.split(".")[1] in SHARED


@pytest.mark.parametrize("path", [m for m in MODULES if m.parts[0] in HOPS], ids=str)
def test_a_hop_imports_the_shared_floor_only(path: Path) -> None:
    assert not [name for name in named(path) if name.startswith("lakehouse.") and not is_shared(name)], path


@pytest.mark.parametrize(
    "path", [m for m in MODULES if m.parts[0] == "lakehouse" and Path(m.parts[1]).stem in SHARED], ids=str
)
def test_the_shared_floor_knows_nobody_above_it(path: Path) -> None:
    above = [name for name in named(path) if name.startswith("lakehouse.") and not is_shared(name)]
    hops = [name for name in named(path) if name.partition(".")[0] in HOPS]
    assert not above + hops, path


def test_every_module_of_lakehouse_has_its_floor() -> None:
    floors = {Path(module.parts[1]).stem for module in MODULES if module.parts[0] == "lakehouse"} - {"__init__"}
    assert floors >= set(SHARED)
    assert floors - set(SHARED) == APPLICATION


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_hop_imports_no_other_hop(path: Path) -> None:
    home = path.parts[0]
    foreign = set(HOPS) - {home}
    assert not [name for name in imported(path) if name.partition(".")[0] in foreign], path


@pytest.mark.parametrize("path", [m for m in MODULES if m.parts[0] == "lakehouse" and "cli" not in m.parts], ids=str)
def test_what_all_share_knows_no_stack(path: Path) -> None:
    assert not [name for name in imported(path) if name.partition(".")[0] == "compose"], path


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_client_library_is_imported_in_one_place(path: Path) -> None:
    for name in imported(path):
        owner = CLIENTS.get(name.partition(".")[0])
        assert owner is None or str(path).startswith(owner), f"{path} imports {name}; that is {owner}'s"


@pytest.mark.parametrize("path", [*MODULES, Path("README.md")], ids=str)
def test_only_verbs_that_are_there_are_named(path: Path) -> None:
    """Who is told to run something should be able to."""
    named = re.findall(r"`lakehouse ([a-z-]+)", (ROOT / path).read_text())
    assert set(named) <= set(VERBS), path


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_is_a_drawer(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "misc"}


FLAT = ("lakehouse", "lakehouse/transform", "api")
"""Folders whose own modules stand above and below their packages: each is a room of its own."""


def room(path: Path) -> str:
    folder = path.parent.as_posix()
    return path.with_suffix("").as_posix() if folder in FLAT else folder


def test_no_import_runs_back_up() -> None:
    """Rooms can be read from the bottom: none imports one that imports it, directly or not."""
    by_name = {path.with_suffix("").as_posix().removesuffix("/__init__").replace("/", "."): path for path in MODULES}
    above: dict[str, set[str]] = {}
    for path in MODULES:
        for name in imported(path) | imported_from(path):
            if name in by_name and room(by_name[name]) != room(path):
                above.setdefault(room(path), set()).add(room(by_name[name]))
    assert len(list(TopologicalSorter(above).static_order())) > len(HOPS)


def imported_from(path: Path) -> set[str]:
    """Modules that are imported by ``from package import module``."""
    froms = (node for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.ImportFrom))
    return {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


SPELLED = {
    *tables.GOLD_TABLES,
    *(measure for measures in tables.GOLD_MEASURES.values() for measure in measures),
    *METRICS,
    *(tables.SILVER_SALES_FACTS, tables.RELEASE_LOG, tables.RESTATEMENT_LOG),
    *(tables.BRONZE_PARTITION, tables.QUARANTINE_PARTITION),
}
EXAMPLES = ("api/http/openapi_parameters.py", "lakehouse/cli/demo.py", "lakehouse/simulate/truth.py")
"""What is shown to people names a metric or two; what simulated shops have sent is counted without the product."""


@pytest.mark.parametrize(
    "path", [m for m in MODULES if "contracts" not in m.parts and m.as_posix() not in EXAMPLES], ids=str
)
def test_a_table_a_measure_and_a_metric_are_spelled_in_the_contracts_only(path: Path) -> None:
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert not texts & SPELLED


@pytest.mark.parametrize(
    "folder", sorted(path for path in (ROOT / "tests" / "unit").rglob("*") if path.is_dir()), ids=str
)
def test_unit_tests_lie_where_their_code_lies(folder: Path) -> None:
    if folder.name != "__pycache__":
        assert (ROOT / folder.relative_to(ROOT / "tests" / "unit")).is_dir(), folder
