"""The ``JAVA_HOME`` for Spark drops one argument and passes on every other, as it is."""

import subprocess
from pathlib import Path

import pytest

from compose.local import java


def test_drops_the_module_that_the_runtime_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show = tmp_path / "show"
    show.write_text('#!/bin/sh\nfor argument in "$@"; do echo "<$argument>"; done\n')
    show.chmod(0o755)
    monkeypatch.setattr(java, "java", lambda: str(show))
    program = java.write_java_home(tmp_path / "home") / "bin" / "java"
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "two words", "$HOME", ""]
    output = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == ["<-Xmx1g>", "<two words>", "<$HOME>", "<>"]


def test_the_runtime_from_pypi_runs(tmp_path: Path) -> None:
    program = java.write_java_home(tmp_path / "home") / "bin" / "java"
    command = [str(program), "--add-modules=jdk.incubator.vector", "-version"]
    assert subprocess.run(command, capture_output=True, text=True).returncode == 0
