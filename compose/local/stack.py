"""The embedded stack as a whole: everything that one machine needs to run the lakehouse.

In: settings. Out: programs whose files, configuration and state are ready. Promise: preparing twice changes nothing,
and two stacks with other homes and ports share only the read-only cache.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compose.local import artifacts, fetch, hdfs, java, kafka, services, trino, trino_plugin
from compose.local.ivy import Report
from compose.local.program import Layout, Program, write_files
from lakehouse.settings import Settings

SERVERS = ("kafka", "hdfs", "trino")
SERVICES = ("edge", "kafka", "hdfs", "streaming", "trino", "transform", "insights")


@dataclass(frozen=True)
class Stack:
    """A prepared stack. ``fingerprint`` changes with whatever a running one would have to be restarted for."""

    layout: Layout
    programs: tuple[Program, ...]
    fingerprint: str

    def of(self, wanted: Sequence[str]) -> tuple[Program, ...]:
        """The programs of the services named."""
        return tuple(program for program in self.programs if program.service in wanted)


def prepare(settings: Settings, report: Report) -> Stack:
    """Fetch what is missing, write the configuration, format what is new."""
    layout = Layout(settings.home_path)
    for folder in (layout.etc, layout.run, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    folders = fetch.ensure(settings.cache_path, artifacts.CONFIGURATIONS, report)
    plugins = trino_plugin.ensure(settings.cache_path, folders["trino"], folders["compiler"], report)
    files = _render(settings, plugins)
    for server, texts in files.items():
        write_files(layout.etc / server, texts)
    _prepare_spark(layout, folders["spark"])
    hdfs.format_once(settings, folders["hdfs"])
    kafka.format_once(settings, folders["kafka"])
    programs = (
        *hdfs.programs(settings, folders["hdfs"]),
        *kafka.programs(settings, folders["kafka"]),
        *trino.programs(settings, folders["trino"]),
        *services.programs(settings),
    )
    return Stack(layout, programs, _fingerprint(settings, files, programs))


def _render(settings: Settings, plugins: Path) -> dict[str, dict[str, str]]:
    return {
        "kafka": kafka.render(settings),
        "hdfs": hdfs.render(settings),
        "trino": trino.render(settings, plugins),
    }


def _prepare_spark(layout: Layout, jars: Path) -> None:
    java.write_java_home(layout.java_home)
    if layout.spark_jars.is_symlink() and layout.spark_jars.readlink() == jars:
        return
    draft = layout.run / f".spark-jars.{os.getpid()}"
    draft.symlink_to(jars)
    draft.replace(layout.spark_jars)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for processes that run in another folder."""
    given = {name: value for name, value in os.environ.items() if name.startswith("LAKEHOUSE_")}
    fixed = {
        "LAKEHOUSE_HOME": str(settings.home_path),
        "LAKEHOUSE_CACHE": str(settings.cache_path),
        "LAKEHOUSE_PORT_BASE": str(settings.port_base),
    }
    return {**given, **fixed}


def _fingerprint(settings: Settings, files: dict[str, dict[str, str]], programs: Sequence[Program]) -> str:
    facts = [settings.model_dump(mode="json"), files, [str(program) for program in programs], environment(settings)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
