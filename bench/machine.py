"""What the figures were measured on, and with which versions. Nothing that tells whose machine it is."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def facts() -> dict[str, str]:
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _first("/proc/cpuinfo", "model name"),
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "dbt-trino": version("dbt-trino"),
        "pyspark": version("pyspark"),
    }


def _first(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
