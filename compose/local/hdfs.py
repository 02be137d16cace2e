"""HDFS on one machine, a NameNode and a DataNode: configuration, first format, commands.

Promise: the same servers and settings as in a cluster, but one copy of each block; permissions are off, because all
of the stack is one user.
"""

import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

from compose.local import java
from compose.local.program import Layout, Program
from lakehouse.contracts.hdfs_client import OPTIONS
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

USER = {"HADOOP_USER_NAME": "lakehouse"}
_MEMORY = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC")
_LOGGING = """\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %m%n
log4j.logger.org.apache.hadoop.hdfs.StateChange=WARN
log4j.logger.org.apache.hadoop.hdfs.server.blockmanagement=WARN
log4j.logger.org.apache.hadoop.hdfs.server.datanode.DataNode.clienttrace=WARN
log4j.logger.BlockStateChange=WARN
"""


def render(settings: Settings) -> dict[str, str]:
    """The configuration files, by name. The jars carry no web pages, and the servers want folders for them."""
    return {
        "core-site.xml": site(core_site(settings)),
        "hdfs-site.xml": site(hdfs_site(settings)),
        "log4j.properties": _LOGGING,
        "webapps/hdfs/index.html": "",
        "webapps/datanode/index.html": "",
    }


def core_site(settings: Settings) -> dict[str, object]:
    """What every client needs."""
    return {
        "fs.defaultFS": settings.hdfs_url,
        "hadoop.tmp.dir": _data(settings) / "tmp",
    }


def hdfs_site(settings: Settings) -> dict[str, object]:
    """The servers' settings, and those of a client that writes."""
    host, ports = settings.host, settings.ports
    return {
        "dfs.replication": 1,
        "dfs.permissions.enabled": "false",
        "dfs.namenode.rpc-address": f"{host}:{ports.namenode}",
        "dfs.namenode.http-address": f"{host}:{ports.namenode_http}",
        "dfs.namenode.name.dir": (_data(settings) / "name").as_uri(),
        "dfs.namenode.safemode.extension": 0,
        "dfs.namenode.safemode.min.datanodes": 1,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.heartbeat.recheck-interval": 10_000,
        "dfs.heartbeat.interval": 1,
        # a file that is closed is on disk: Delta logs and data, too, must survive the loss of power
        "dfs.datanode.synconclose": "true",
        "dfs.datanode.address": f"{host}:{ports.datanode}",
        "dfs.datanode.http.address": f"{host}:{ports.datanode_http}",
        "dfs.datanode.ipc.address": f"{host}:{ports.datanode_ipc}",
        "dfs.datanode.hostname": host,
        "dfs.datanode.data.dir": (_data(settings) / "blocks").as_uri(),
        **OPTIONS,
    }


def programs(settings: Settings, jars: Path) -> tuple[Program, ...]:
    """NameNode and DataNode."""
    ports = settings.ports
    java_command = _java(settings, jars)
    namenode = (*java_command, *_MEMORY, "org.apache.hadoop.hdfs.server.namenode.NameNode")
    datanode = (*java_command, *_MEMORY, "org.apache.hadoop.hdfs.server.datanode.DataNode")
    datanode_ports = (ports.datanode, ports.datanode_http, ports.datanode_ipc)
    return (
        Program("namenode", "hdfs", namenode, 10, (ports.namenode, ports.namenode_http), USER),
        Program("datanode", "hdfs", datanode, 20, datanode_ports, USER),
    )


def format_once(settings: Settings, jars: Path) -> None:
    """Create an empty file system; do nothing where one exists."""
    if (_data(settings) / "name" / "current" / "VERSION").exists():
        return
    command = [*_java(settings, jars), "org.apache.hadoop.hdfs.server.namenode.NameNode", "-format", "-nonInteractive"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**USER})
    if result.returncode != 0:
        raise LakehouseError(f"HDFS cannot be formatted:\n{result.stdout[-4000:]}{result.stderr[-2000:]}")


def site(values: dict[str, object]) -> str:
    """A Hadoop configuration file."""
    rows = [
        f"  <property><name>{escape(name)}</name><value>{escape(str(value))}</value></property>"
        for name, value in values.items()
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<configuration>", *rows, "</configuration>", ""])


def _data(settings: Settings) -> Path:
    return Layout(settings.home_path).data("hdfs")


def _java(settings: Settings, jars: Path) -> list[str]:
    etc = Layout(settings.home_path).etc / "hdfs"
    return [java.java(), "-cp", f"{etc}:{jars}/*", "-Djava.awt.headless=true", "-Duser.timezone=UTC"]
