"""Our own services as supervised programs: each is ``python -m <package>`` and reads its settings itself.

They may start before what they need is there; the order only spares them the waiting.
"""

import sys
from collections.abc import Iterable, Mapping

from compose.local import hdfs
from compose.local.program import BACKGROUND, Layout, Program
from lakehouse.settings import Settings


def programs(settings: Settings) -> tuple[Program, ...]:
    """Edge, streaming, transform, insights: in path order."""
    ports = settings.ports
    java_home = {"JAVA_HOME": str(Layout(settings.home_path).java_home)}
    return (
        _service("edge", "ingestion", [ports.edge]),
        _service("streaming", "streaming", [ports.streaming], java_home, BACKGROUND),
        _service("transform", "lakehouse.transform", [ports.transform], niceness=BACKGROUND),
        _service("insights", "api", [ports.insights]),
    )


def _service(
    name: str, module: str, ports: Iterable[int], environment: Mapping[str, str] | None = None, niceness: int = 0
) -> Program:
    return Program(
        name=name,
        service=name,
        command=(sys.executable, "-m", module),
        stage=50,
        ports=tuple(ports),
        environment={**hdfs.USER, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stop_seconds=30,
        niceness=niceness,
    )
