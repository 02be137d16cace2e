"""Whether each service of the stack does its work, asked from outside.

In: settings. Out: one verdict a service, all asked at once. Promise: an answer within :data:`DEADLINE_SECONDS`,
whatever is down or hangs.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.clients.kafka_admin import broker_count
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

DEADLINE_SECONDS = 3.0
_CALL_SECONDS = 2.0
QUERY_SOURCE = "status"
"""The client name that Trino shows for our question."""
# No proxy that the environment names stands between the parts of one machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class ServiceHealth:
    """One service: ``reason`` says in words why it is not healthy, and is empty if it is."""

    name: str
    url: str
    reason: str

    @property
    def healthy(self) -> bool:
        return not self.reason


class Unhealthy(Exception):
    """Raised by a probe, with the reason."""


Probe = Callable[[], None]


def probes(settings: Settings) -> dict[str, tuple[str, Probe]]:
    """The address and the question for each service, in path order."""
    streaming, transform = settings.streaming_url, settings.transform_url
    return {
        "edge": (settings.edge_url, lambda: _answers(f"{settings.edge_url}/readyz")),
        "kafka": (f"kafka://{settings.kafka_bootstrap}", lambda: _kafka(settings)),
        "hdfs": (settings.hdfs_url, lambda: ask_hdfs(settings)),
        "streaming": (streaming, lambda: _answers(f"{streaming}/healthz")),
        "trino": (settings.trino_url, lambda: _trino(settings.trino_url)),
        "transform": (transform, lambda: _answers(f"{transform}/healthz")),
        "insights": (settings.insights_url, lambda: _answers(f"{settings.insights_url}/readyz")),
    }


def check(settings: Settings, services: Sequence[str] | None = None, also: Sequence[Probe] = ()) -> list[ServiceHealth]:
    """Ask the named services, or all of them; and, at the same time, something else."""
    asked = {name: found for name, found in probes(settings).items() if services is None or name in services}
    questions = {name: probe for name, (_, probe) in asked.items()}
    verdicts = ask_all(questions | {f"also {number}": probe for number, probe in enumerate(also)})
    return [ServiceHealth(name, url, verdicts[name]) for name, (url, _) in asked.items()]


def ask_all(questions: dict[str, Probe], seconds: float = DEADLINE_SECONDS) -> dict[str, str]:
    """The reason for each probe's failure, empty if it passed; one that hangs is given up, not waited for."""
    reasons: dict[str, str] = {}

    def ask(name: str, probe: Probe) -> None:
        reasons[name] = _reason(probe)

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in questions.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: reasons.get(name, f"no answer within {seconds:g} s") for name in questions}


def _reason(probe: Probe) -> str:
    try:
        probe()
    except Unhealthy as error:
        return str(error)
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except LakehouseError as error:
        return str(error)
    except (OSError, ValueError, KeyError) as error:
        return f"does not answer ({_short(error)})"
    return ""


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__


def read_json(url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    """One short HTTP call: GET, or POST if there is ``data``."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    with _OPENER.open(request, timeout=_CALL_SECONDS) as response:
        return json.loads(response.read())


def _answers(url: str) -> None:
    with _OPENER.open(url, timeout=_CALL_SECONDS) as response:
        response.read()


def _kafka(settings: Settings) -> None:
    if broker_count(settings.kafka_bootstrap, _CALL_SECONDS) < 1:
        raise Unhealthy("has no broker")


def ask_hdfs(settings: Settings) -> None:
    """Raises where HDFS does not work."""
    namenode = settings.namenode_http_url
    system, info = (_bean(namenode, name) for name in ("FSNamesystemState", "NameNodeInfo"))
    if info["Safemode"]:
        raise Unhealthy("the NameNode is in safe mode")
    if system["NumLiveDataNodes"] < 1:
        raise Unhealthy("no DataNode is alive")


def _bean(namenode: str, name: str) -> Any:
    beans = read_json(f"{namenode}/jmx?qry=Hadoop:service=NameNode,name={name}")["beans"]
    if not beans:
        raise Unhealthy("the NameNode is starting")
    return beans[0]


def _trino(url: str) -> None:
    """A real query: the server answers some seconds before it has a node to run one."""
    page = read_json(f"{url}/v1/statement", b"SELECT 1", {"X-Trino-User": "lakehouse", "X-Trino-Source": QUERY_SOURCE})
    deadline = time.monotonic() + _CALL_SECONDS
    while "nextUri" in page:
        if time.monotonic() > deadline:
            raise Unhealthy("takes too long over a trivial query")
        page = read_json(page["nextUri"])
    if "error" in page:
        raise Unhealthy(page["error"].get("message", "refuses a trivial query"))
