"""What the supervisor runs: a program is a command, the ports that it takes, and when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BACKGROUND = 10
"""The niceness of what nobody waits for with a request open: merchants' requests go before it on a busy machine."""


@dataclass(frozen=True)
class Program:
    """One supervised process.

    ``stage`` orders starting and stopping: programs of a lower stage start earlier and stop later. ``folder`` is the
    working folder, the stack's home without it. What it starts itself has its ``niceness`` too.
    """

    name: str
    service: str
    command: tuple[str, ...]
    stage: int
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 20
    folder: Path | None = None
    niceness: int = 0


@dataclass(frozen=True)
class Layout:
    """Where the parts of one stack lie below ``LAKEHOUSE_HOME``."""

    home: Path

    @property
    def etc(self) -> Path:
        return self.home / "etc"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def java_home(self) -> Path:
        """A ``JAVA_HOME`` for Spark."""
        return self.run / "java-home"

    @property
    def spark_jars(self) -> Path:
        """A link to the folder of jars that Spark needs beside its own."""
        return self.run / "spark-jars"

    def data(self, server: str) -> Path:
        """The state of one server."""
        return self.home / server


def properties(values: Mapping[str, object]) -> str:
    """A Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in values.items())


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write rendered files, leaving alone what has not changed."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
