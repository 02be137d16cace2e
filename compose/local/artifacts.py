"""The Java artifacts of the stack: what belongs to each configuration, and whether a file is what it should be.

In: ``artifacts.lock`` (configuration, sha256 and coordinate, one a line) and folders of files. Promise: a file that
is unknown, missing or different is never used.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import LakehouseError

HERE = Path(__file__).parent
LOCK_FILE = HERE / "artifacts.lock"
IVY_FILE = HERE / "ivy.xml"
CONFIGURATIONS = ("kafka", "hdfs", "spark", "compiler", "trino")


class ArtifactError(LakehouseError):
    """A Java artifact is not the one that the lock names."""


@dataclass(frozen=True, order=True)
class Artifact:
    """One file of one configuration. ``classifier`` tells variants apart, such as operating systems."""

    configuration: str
    organisation: str
    module: str
    revision: str
    classifier: str
    extension: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        variant = f"-{self.classifier}" if self.classifier else ""
        return f"{self.module}-{self.revision}{variant}.{self.extension}"

    @property
    def coordinate(self) -> str:
        """How the lock spells it, for example ``io.netty:netty-handler:4.1.130.Final:@jar``."""
        return f"{self.organisation}:{self.module}:{self.revision}:{self.classifier}@{self.extension}"


_LINE = re.compile(r"(\S+) ([0-9a-f]{64}) ([^:\s]+):([^:\s]+):([^:\s]+):([^:@\s]*)@(\S+)")


def parse_lock(text: str) -> dict[str, tuple[Artifact, ...]]:
    """The artifacts of a lock file, by configuration, sorted."""
    found: dict[str, list[Artifact]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ArtifactError(
                f"artifacts.lock, line {number} is not configuration, sha256, coordinate. Run: make lock"
            )
        configuration, sha256, organisation, module, revision, classifier, extension = match.groups()
        artifact = Artifact(configuration, organisation, module, revision, classifier, extension, sha256)
        found[configuration].append(artifact)
    return {configuration: tuple(sorted(files)) for configuration, files in found.items()}


def render_lock(artifacts: Iterable[Artifact]) -> str:
    """The text of a lock file; :func:`parse_lock` reads it back."""
    lines = ["# Java artifacts: configuration, sha256, coordinate. Made by: make lock"]
    lines += [f"{artifact.configuration} {artifact.sha256} {artifact.coordinate}" for artifact in sorted(artifacts)]
    return "\n".join(lines) + "\n"


def read_lock(file: Path = LOCK_FILE) -> dict[str, tuple[Artifact, ...]]:
    """The committed lock; that of the embedded stack unless another one is named."""
    return parse_lock(file.read_text())


def fingerprint(artifacts: Iterable[Artifact], kept: Iterable[str] = ()) -> str:
    """A short name for a set of files, and for what is kept of archives: two checkouts that want other things never
    share a folder."""
    text = "".join(f"{artifact.name} {artifact.sha256}\n" for artifact in sorted(artifacts)) + " ".join(kept)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def sha256_of(file: Path) -> str:
    """The checksum of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check(folder: Path, expected: Iterable[Artifact]) -> None:
    """Raise :class:`ArtifactError` unless ``folder`` holds exactly the expected files."""
    wanted = {artifact.name: artifact.sha256 for artifact in expected}
    present = {file.name: sha256_of(file) for file in folder.iterdir() if file.is_file()}
    problems = differences(wanted, present)
    if problems:
        raise ArtifactError(
            f"The Java files in {folder} are not those of artifacts.lock: {'; '.join(problems[:5])}. "
            f"Remove {folder} and run again."
        )


def differences(wanted: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """What is wrong with ``present``, in words; empty if nothing is."""
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - present.keys())]
    unknown = [f"{name} is unknown" for name in sorted(present.keys() - wanted.keys())]
    both = sorted(wanted.keys() & present.keys())
    return missing + unknown + [f"{name} has another checksum" for name in both if wanted[name] != present[name]]
