"""The supervisor of the stack: its configuration, its start in a session of its own, and a client for it.

In: programs. Out: processes that are started again when they die, whose output goes to rotated files. Promise: what
it runs holds none of the caller's handles, and nothing of it survives :func:`stop`.
"""

import http.client
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compose.local import processes
from compose.local.program import Layout, Program
from lakehouse.errors import LakehouseError, NotReadyError

# A server that takes a while to fail must not be given up: what it waits for may be down for hours.
_TRIES = 1_000_000
_SETTLED_SECONDS = 3
# The caller's environment that a service may need; everything else stays behind.
_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "JDK_JAVA_OPTIONS")


@dataclass(frozen=True)
class Access:
    """How to reach a supervisor: written by the one who starts it, readable by its user only."""

    pid: int
    host: str
    port: int
    password: str
    fingerprint: str


@dataclass(frozen=True)
class ProcessInfo:
    """What the supervisor says of a program. ``pid`` is 0 if it does not run."""

    name: str
    state: str
    pid: int
    error: str

    @property
    def running(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


def render(layout: Layout, programs: Iterable[Program], listen: str, password: str) -> str:
    """The configuration file."""
    head = f"""\
[supervisord]
nodaemon = true
silent = true
logfile = {_quoted(layout.logs / "supervisor.log")}
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {_quoted(layout.run / "supervisor.pid")}
childlogdir = {_quoted(layout.logs)}
directory = {_quoted(layout.home)}

[inet_http_server]
port = {listen}
username = lakehouse
password = {password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return "\n".join([head, *(_section(layout, program) for program in programs)])


def _section(layout: Layout, program: Program) -> str:
    environment = ",".join(f'{name}="{_quoted(value)}"' for name, value in sorted(program.environment.items()))
    return f"""\
[program:{program.name}]
command = {_quoted(shlex.join(_command(program)))}
directory = {_quoted(program.folder or layout.home)}
environment = {environment}
priority = {program.stage}
autostart = false
autorestart = true
startsecs = {_SETTLED_SECONDS}
startretries = {_TRIES}
stopsignal = TERM
stopwaitsecs = {program.stop_seconds}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {_quoted(log_file(layout, program.name))}
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 3
"""


def _command(program: Program) -> tuple[str, ...]:
    """``nice`` becomes what it starts, so the process has the same id."""
    return ("nice", "-n", str(program.niceness), *program.command) if program.niceness else program.command


def _quoted(value: object) -> str:
    return str(value).replace("%", "%%")


def log_file(layout: Layout, program: str) -> Path:
    """Where a program's output goes."""
    return layout.logs / f"{program}.log"


def access(layout: Layout) -> Access | None:
    """The supervisor of this stack, if one runs."""
    try:
        found = Access(**json.loads((layout.run / "supervisor.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if processes.alive(found.pid) and found.pid in processes.of_stack(layout.home) else None


def start(
    layout: Layout, programs: Iterable[Program], host: str, port: int, environment: Mapping[str, str], fingerprint: str
) -> Access:
    """Start a supervisor that runs nothing yet, and wait until it answers."""
    password = secrets.token_hex(16)
    file = layout.run / "supervisor.conf"
    _write_private(file, render(layout, programs, f"{host}:{port}", password))
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with (layout.logs / "supervisor.out").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=layout.home,
            env={**kept, **environment, processes.MARK: str(layout.home)},
            start_new_session=True,
        )
    started = Access(process.pid, host, port, password, fingerprint)
    _write_private(layout.run / "supervisor.json", json.dumps(asdict(started)))
    _wait_for_answer(started, process, layout)
    return started


def _wait_for_answer(started: Access, process: "subprocess.Popen[bytes]", layout: Layout) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            Supervisor(started).processes()
            return
        except NotReadyError:
            time.sleep(0.1)
    process.kill()
    tail = "\n".join((layout.logs / "supervisor.out").read_text(errors="replace").splitlines()[-10:])
    raise LakehouseError(f"The supervisor did not start. Its output, {layout.logs / 'supervisor.out'}:\n{tail}")


def stop(layout: Layout, patience: float) -> bool:
    """Stop the supervisor and all it runs; False if there was nothing to stop."""
    running = access(layout)
    if running is not None:
        try:
            Supervisor(running).shutdown()
        except NotReadyError:
            pass  # it hangs or is just ending; what is left of it is ended below
        else:
            processes.wait_ended(layout.home, patience)
    left = processes.end(layout.home)
    (layout.run / "supervisor.json").unlink(missing_ok=True)
    return running is not None or bool(left)


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)


class _Transport(xmlrpc.client.Transport):
    """XML-RPC with a limit on waiting, and no proxy in between."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = self._seconds
        return connection


class Supervisor:
    """Client of a running supervisor. Every method raises :class:`NotReadyError` when it does not answer."""

    def __init__(self, reached: Access, seconds: float = 5.0) -> None:
        address = f"http://lakehouse:{reached.password}@{reached.host}:{reached.port}/RPC2"
        self._proxy = xmlrpc.client.ServerProxy(address, transport=_Transport(seconds))

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NotReadyError(f"The supervisor does not answer: {type(error).__name__}") from error

    def processes(self) -> dict[str, ProcessInfo]:
        """All programs by name."""
        rows = self._call("getAllProcessInfo")
        return {row["name"]: ProcessInfo(row["name"], row["statename"], row["pid"], row["spawnerr"]) for row in rows}

    def start(self, name: str) -> None:
        """Start a program, without waiting for it; it may be running already."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise LakehouseError(f"{name} cannot be started: {fault.faultString}") from fault

    def stop(self, name: str, wait: bool = True) -> None:
        """Stop a program; it may be stopped already."""
        try:
            self._call("stopProcess", name, wait)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise LakehouseError(f"{name} cannot be stopped: {fault.faultString}") from fault

    def shutdown(self) -> None:
        """Stop all programs, later stages first, those of the last stage at once, and end."""
        stages = {row["name"]: row["process_prio"] for row in self._call("getAllConfigInfo")}
        for name, state in self.processes().items():
            if state.running and stages[name] == max(stages.values()):
                self.stop(name, wait=False)
        self._call("shutdown")
