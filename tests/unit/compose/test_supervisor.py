"""The supervisor's configuration says what the programs say; what belongs to a stack is found and ended."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from supervisor.options import ProcessConfig, ServerOptions

from compose.local import processes, supervisor
from compose.local.program import BACKGROUND, Layout, Program
from tests.support.embedded_stack import free_port_base
from tests.support.waiting import await_

PROGRAM = Program(
    name="thing",
    service="thing",
    command=(sys.executable, "-c", "print('100% of it', \"quoted\")", "two words"),
    stage=7,
    environment={"SHARE": "100%", "PATHS": "/a:/b"},
)


def _configured(home: Path, program: Program) -> ProcessConfig:
    """As supervisor reads what was written for it."""
    layout = Layout(home)
    for folder in (layout.run, layout.logs):
        folder.mkdir()
    file = layout.run / "supervisor.conf"
    file.write_text(supervisor.render(layout, [program], "127.0.0.1:1", "secret"))
    options = ServerOptions()
    options.realize(["-c", str(file)])
    (group,) = options.process_group_configs
    (found,) = group.process_configs
    return found


def test_commands_and_environment_survive_the_configuration_file(tmp_path: Path) -> None:
    found = _configured(tmp_path, PROGRAM)
    probe = subprocess.run(["sh", "-c", f"for a in {found.command}; do echo $a; done"], capture_output=True, text=True)
    assert probe.stdout.splitlines() == list(PROGRAM.command)
    assert found.environment == PROGRAM.environment
    assert found.directory == str(tmp_path)
    assert (found.name, found.priority, found.autorestart.__name__) == ("thing", 7, "RestartUnconditionally")
    assert found.stopasgroup
    assert found.killasgroup


def test_what_works_in_the_background_steps_back(tmp_path: Path) -> None:
    said = [sys.executable, "-c", "import os; print(os.nice(0))"]
    background = replace(PROGRAM, command=tuple(said), niceness=BACKGROUND)
    command = _configured(tmp_path, background).command
    before, after = (int(subprocess.check_output(one, shell=isinstance(one, str))) for one in (said, command))
    assert after == min(before + BACKGROUND, 19)


def test_what_it_runs_has_the_caller_s_java_options_and_nothing_that_is_not_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    told = "import os, signal; print({**os.environ}, flush=True); signal.pause()"
    layout = Layout(tmp_path)
    for folder in (layout.run, layout.logs):
        folder.mkdir()
    program = replace(PROGRAM, command=(sys.executable, "-c", told))
    try:
        access = supervisor.start(layout, [program], "127.0.0.1", free_port_base(), {"OURS": "1"}, "any")
        supervisor.Supervisor(access).start(program.name)
        log = supervisor.log_file(layout, program.name)
        await_(lambda: log.exists() and log.read_text().endswith("\n"))
    finally:
        supervisor.stop(layout, 10)
    text = log.read_text()
    assert "'JDK_JAVA_OPTIONS': '-XX:TieredStopAtLevel=1'" in text
    assert "'OURS': '1'" in text
    assert "SOMETHING_ELSE" not in text


def waiting(home: Path) -> subprocess.Popen[bytes]:
    """A process of that stack, which does nothing until it is ended."""
    environment = {**os.environ, processes.MARK: str(home)}
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], env=environment)


def test_only_the_stack_s_own_processes_are_ended(tmp_path: Path) -> None:
    first, second = waiting(tmp_path / "first"), waiting(tmp_path / "second")
    try:
        # until the child has replaced the image of this process, it carries this one's environment
        while not (processes.of_stack(tmp_path / "first") and processes.of_stack(tmp_path / "second")):
            assert first.poll() is None
        assert processes.end(tmp_path / "first") == [first.pid]
        assert first.wait(10) != 0
        assert processes.of_stack(tmp_path / "second") == [second.pid]
    finally:
        for child in (first, second):
            child.kill()
            child.wait()


def test_no_supervisor_is_found_where_its_file_is_stale(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert supervisor.access(layout) is None
    layout.run.mkdir()
    mine = f'{{"pid": {os.getpid()}, "host": "127.0.0.1", "port": 1, "password": "x", "fingerprint": "y"}}'
    (layout.run / "supervisor.json").write_text(mine)
    assert supervisor.access(layout) is None  # the number has been given to another process since
