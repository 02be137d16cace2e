"""One Kafka node, broker and controller in one (KRaft): its configuration, its first format, its command.

Promise: a record may be as large as an accepted batch of the largest size, and no topic comes into being by a typing
mistake.
"""

import base64
import subprocess
import uuid
from pathlib import Path

from compose.local import java
from compose.local.program import Layout, Program, properties
from lakehouse.contracts import topics
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

_MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
_LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn">
  <Appenders>
    <Console name="stdout"><PatternLayout pattern="%d{ISO8601} %-5p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="info"><AppenderRef ref="stdout"/></Root></Loggers>
</Configuration>
"""


def render(settings: Settings) -> dict[str, str]:
    """The configuration files, by name."""
    host, ports = settings.host, settings.ports
    largest = max(topic.max_message_bytes for topic in topics.ALL_TOPICS)
    server = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{host}:{ports.kafka_controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{host}:{ports.kafka},CONTROLLER://{host}:{ports.kafka_controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{ports.kafka}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": _data(settings),
        "auto.create.topics.enable": "false",
        "message.max.bytes": largest,
        "replica.fetch.max.bytes": largest,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return {"server.properties": properties(server), "log4j2.xml": _LOGGING}


def programs(settings: Settings, jars: Path) -> tuple[Program, ...]:
    """The broker."""
    etc = Layout(settings.home_path).etc / "kafka"
    command = (*_java(etc, jars), *_MEMORY, "kafka.Kafka", str(etc / "server.properties"))
    ports = (settings.ports.kafka, settings.ports.kafka_controller)
    return (Program("kafka", "kafka", command, stage=30, ports=ports),)


def format_once(settings: Settings, jars: Path) -> None:
    """Give a new node its identity; do nothing to one that has it."""
    if (_data(settings) / "meta.properties").exists():
        return
    etc = Layout(settings.home_path).etc / "kafka"
    cluster = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    command = [*_java(etc, jars), "kafka.tools.StorageTool", "format", "--cluster-id", cluster]
    command += ["--config", str(etc / "server.properties"), "--ignore-formatted"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        raise LakehouseError(f"Kafka's storage cannot be formatted:\n{result.stdout}{result.stderr}")


def _data(settings: Settings) -> Path:
    return Layout(settings.home_path).data("kafka") / "data"


def _java(etc: Path, jars: Path) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={etc / 'log4j2.xml'}"
    return [java.java(), "-cp", f"{jars}/*", logging, "-Djava.awt.headless=true", "-Duser.timezone=UTC"]
