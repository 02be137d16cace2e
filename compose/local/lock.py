"""Make ``artifacts.lock`` anew from ``ivy.xml``: ``python -m compose.local.lock``.

What Ivy brings now is what every machine gets from now on. Look at the difference before you commit it.
"""

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compose.local import artifacts, ivy
from compose.local.artifacts import CONFIGURATIONS, IVY_FILE, LOCK_FILE, Artifact


def write(module: Path, lock_file: Path, configurations: Sequence[str]) -> None:
    """The lock of all configurations of one Ivy file."""
    with ThreadPoolExecutor(len(configurations)) as pool:
        found = [
            artifact for some in pool.map(lambda name: _resolve(module, name), configurations) for artifact in some
        ]
    lock_file.write_text(artifacts.render_lock(found))


def _resolve(module: Path, configuration: str) -> list[Artifact]:
    with tempfile.TemporaryDirectory() as folder:
        files, scratch = Path(folder) / "files", Path(folder) / "ivy"
        ivy.resolve(configuration, module, files, scratch, lambda line: print(line, file=sys.stderr))
        found = [file for file in files.rglob("*") if file.is_file()]
        return [Artifact(configuration, *ivy.coordinates(file), artifacts.sha256_of(file)) for file in found]


if __name__ == "__main__":
    write(IVY_FILE, LOCK_FILE, CONFIGURATIONS)
