"""The process that builds a bronze generation from the raw files: how it is started. It is the streaming hop's own.

In: a generation and the settings. Out: a command and its environment.
"""

import os
import sys

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.settings import Settings

HDFS_USER = "lakehouse"


def rebuild_command(generation: GenerationNumber) -> list[str]:
    """The process that builds a generation from the raw files, or goes on with it.

    It says how far it is on stderr, a line for each commit. Exit codes: 0 the generation is complete, now or before;
    2 it failed and may be started again, with the reason in the last line; 3 another process has taken the build over.
    """
    return [sys.executable, "-m", "streaming.raw_files_to_bronze", "--generation", str(generation)]


def rebuild_environment(settings: Settings) -> dict[str, str]:
    """What that process needs besides the settings of its caller."""
    added = {"JAVA_HOME": str(settings.java_home), "PYTHONUNBUFFERED": "1"}
    return {"HADOOP_USER_NAME": HDFS_USER, **os.environ, **added}
