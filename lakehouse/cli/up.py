"""``lakehouse up``: start the stack on this machine, and wait until it works. Quick where it runs already."""

import socket
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from compose.local import stack, supervisor
from compose.local.fetch import exclusive
from compose.local.program import Layout, Program
from compose.local.stack import SERVERS, SERVICES, Stack
from compose.local.supervisor import Access, ProcessInfo, Supervisor
from lakehouse import stack_health
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_plan, progress
from lakehouse.clients.kafka_admin import create_topics
from lakehouse.contracts import topics
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.settings import Settings, load_settings
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(add_completion=False)
_PATIENCE_SECONDS = 240.0
# A program that ended this often while we waited will not come up by itself.
_MOST_STARTS = 4


@app.command()
def up(
    only: Annotated[
        str | None, typer.Option(help=f"Services to start, with commas between; of {', '.join(SERVICES)}.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until all of them work.")] = True,
    dry_run: DryRun = False,
) -> None:
    """Start the stack on this machine, and wait until it works.

    The first time, the Java parts are fetched (about 1 GB). What is running goes on running; if settings or versions
    have changed since it was started, it is restarted.

    Examples: lakehouse up; lakehouse up --only kafka,hdfs,trino;
    LAKEHOUSE_HOME=/srv/second LAKEHOUSE_PORT_BASE=19000 lakehouse up
    """
    settings, wanted = load_settings(), chosen(only)
    if dry_run:
        print_plan(plan(settings, wanted), Format.TABLE)
        return
    with exclusive(Layout(settings.home_path).run / "up.lock", progress):
        prepared = stack.prepare(settings, progress)
        running = _supervisor(settings, prepared)
        servers = [name for name in wanted if name in SERVERS]
        services = [name for name in wanted if name not in SERVERS]
        _start(running, prepared.of(servers), settings)
        if servers and (wait or "kafka" in servers):
            await_healthy(settings, prepared, running, servers if wait else ["kafka"])
        if "kafka" in servers:
            created = create_topics(settings.kafka_bootstrap, topics.ALL_TOPICS)
            if created:
                progress(f"Created the topics {', '.join(created)}.")
        _start(running, prepared.of(services), settings)
        if services and wait:
            await_healthy(settings, prepared, running, services)
    progress(f"Up: {', '.join(wanted)}. State and logs are in {settings.home_path}.")


def plan(settings: Settings, wanted: Sequence[str]) -> VerbPlan:
    """What would be started. Raises :class:`RefusedError` where nothing of the stack runs and a port is taken."""
    if supervisor.access(Layout(settings.home_path)) is None:
        check_ports("the stack", settings.host, _ports(settings))
    healthy = [each.name for each in stack_health.check(settings, wanted) if each.healthy]
    idle = [name for name in wanted if name not in healthy]
    steps = [f"these run already: {', '.join(healthy)}"] if healthy else []
    steps += ["what is missing of the Java parts is fetched", f"these are started: {', '.join(idle)}"] if idle else []
    return VerbPlan("up", tuple(steps), {"services": list(wanted), "home": str(settings.home_path)})


def _ports(settings: Settings) -> list[int]:
    names = [name for name, found in vars(type(settings.ports)).items() if isinstance(found, property)]
    ports = (getattr(settings.ports, name) for name in names)
    return sorted({port for port in ports if isinstance(port, int)})


def chosen(only: str | None) -> list[str]:
    """The services that ``--only`` names, in path order; all of them without it."""
    if only is None:
        return list(SERVICES)
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in SERVICES]
    if unknown or not names:
        raise RefusedError(f"--only takes some of {', '.join(SERVICES)}; not {', '.join(unknown) or 'nothing'}.")
    return [name for name in SERVICES if name in names]


def _supervisor(settings: Settings, prepared: Stack) -> Supervisor:
    layout = prepared.layout
    found = supervisor.access(layout)
    if found and found.fingerprint != prepared.fingerprint:
        progress("Settings or versions have changed: restarting.")
        supervisor.stop(layout, patience=120)
        found = None
    return Supervisor(found or _start_supervisor(settings, prepared))


def _start_supervisor(settings: Settings, prepared: Stack) -> Access:
    if supervisor.stop(prepared.layout, patience=30):  # children of a supervisor that was killed
        progress("Ended what was left of an earlier run.")
    port = settings.ports.supervisor
    check_ports("the supervisor", settings.host, [port])
    environment = stack.environment(settings)
    programs, fingerprint = prepared.programs, prepared.fingerprint
    return supervisor.start(prepared.layout, programs, settings.host, port, environment, fingerprint)


def _start(running: Supervisor, programs: Sequence[Program], settings: Settings) -> None:
    states = running.processes()
    idle = [program for program in programs if not states[program.name].running]
    for program in idle:
        check_ports(program.name, settings.host, program.ports)
    for program in idle:
        running.start(program.name)


def check_ports(name: str, host: str, ports: Sequence[int]) -> None:
    """Raise :class:`RefusedError` if one of the ports is taken."""
    for port in ports:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as error:
                raise RefusedError(
                    f"Port {port}, which {name} needs, cannot be used ({error.strerror}). Set LAKEHOUSE_PORT_BASE to "
                    "the first of 20 free ports, or stop what listens there."
                ) from error


def await_healthy(settings: Settings, prepared: Stack, running: Supervisor, services: Sequence[str]) -> None:
    """Wait until the services work, saying what is being waited for; raise with the log of one that does not."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    starts: dict[str, set[int]] = {}
    said = ""
    while True:
        sick = [each for each in stack_health.check(settings, services) if not each.healthy]
        if not sick:
            return
        programs = prepared.of([each.name for each in sick])
        _note_starts(starts, running.processes(), programs)
        hopeless = [program for program in programs if len(starts.get(program.name, ())) > _MOST_STARTS]
        if hopeless or time.monotonic() > deadline:
            raise _failure(prepared.layout, hopeless[0] if hopeless else programs[0], sick[0].reason)
        line = "Waiting for " + ", ".join(each.name for each in sick)
        if line != said:
            progress(line)
            said = line
        time.sleep(0.3)


def _note_starts(starts: dict[str, set[int]], states: dict[str, ProcessInfo], programs: Sequence[Program]) -> None:
    for program in programs:
        if pid := states[program.name].pid:
            starts.setdefault(program.name, set()).add(pid)


def _failure(layout: Layout, program: Program, reason: str) -> LakehouseError:
    log = supervisor.log_file(layout, program.name)
    tail = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else ["(it wrote nothing)"]
    return LakehouseError(
        f"{program.service} does not come up: {program.name} {reason or 'ends again and again'}. It is still being "
        f"tried; `lakehouse down` stops it. The end of {log}:\n" + "\n".join(tail)
    )
