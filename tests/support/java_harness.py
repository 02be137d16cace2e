"""Runs a class of ours inside the real jars of Trino's connector, where Python cannot look.

In: a Java source with a ``main`` that prints a line ``NAME OUTCOME`` a case. Out: the outcomes by name.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from compose.local import artifacts, fetch, java, trino_plugin
from lakehouse.settings import load_settings


def run(
    source: Path, classes: Path, package: str, cases: Iterable[str], *, jars: str = "", arguments: Iterable[str] = ()
) -> dict[str, str]:
    """Compiles ``source`` into ``classes`` and runs it with ``arguments`` before the names of the cases.

    ``jars`` is the folder below the connector's whose class loader the class would be in.
    """
    cache = load_settings().cache_path
    folders = fetch.ensure(cache, artifacts.CONFIGURATIONS, print)
    plugin = trino_plugin.ensure(cache, folders["trino"], folders["compiler"], print) / "delta-lake-hdfs"
    path = [classes, *(plugin / jars).glob("*.jar"), *folders["trino"].glob("lib/*.jar")]
    class_path = ":".join(map(str, path))
    (compiler,) = folders["compiler"].glob("ecj-*.jar")
    compile_command = [java.java(), "-jar", str(compiler), "-24", "-nowarn", "-cp", class_path, "-d", str(classes)]
    subprocess.run([*compile_command, str(source)], check=True)
    run_command = [java.java(), "-cp", class_path, f"{package}.{source.stem}", *arguments, *cases]
    result = subprocess.run(run_command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    lines = [line.partition(" ") for line in result.stdout.splitlines()]
    return {name: outcome for name, _, outcome in lines if name in cases}
