"""The servers listen where the settings say, and nowhere else; their state lies below the stack's home."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compose.local import hdfs, kafka, services, stack, trino
from compose.local.program import Program
from lakehouse.contracts import topics
from lakehouse.settings import Settings

SETTINGS = Settings(home=Path("/srv/first"), port_base=21_000, host="127.0.0.9")
JARS = Path("/jars")


def programs(settings: Settings) -> tuple[Program, ...]:
    return (
        *hdfs.programs(settings, JARS),
        *kafka.programs(settings, JARS),
        *trino.programs(settings, JARS),
        *services.programs(settings),
    )


def texts(settings: Settings) -> dict[str, str]:
    return {**kafka.render(settings), **hdfs.render(settings), **trino.render(settings, JARS)}


def test_every_service_of_the_status_has_a_program_and_the_other_way_round() -> None:
    assert {program.service for program in programs(SETTINGS)} == set(stack.SERVICES)


def test_no_port_is_taken_twice() -> None:
    ports = [port for program in programs(SETTINGS) for port in program.ports] + [SETTINGS.ports.supervisor]
    assert len(ports) == len(set(ports))
    assert all(SETTINGS.port_base <= port < SETTINGS.port_base + 20 for port in ports)


def test_each_port_in_a_configuration_belongs_to_a_program() -> None:
    taken = {port for program in programs(SETTINGS) for port in program.ports}
    named = {int(port) for text in texts(SETTINGS).values() for port in re.findall(r"\b21\d{3}\b", text)}
    assert named <= taken


def test_every_address_is_the_settings_host() -> None:
    addresses = {match for text in texts(SETTINGS).values() for match in re.findall(r"\d+\.\d+\.\d+\.\d+", text)}
    assert addresses == {SETTINGS.host}


def test_two_stacks_share_no_path_and_no_port() -> None:
    other = SETTINGS.model_copy(update={"home": Path("/srv/second"), "port_base": 22_000})
    for text in texts(other).values():
        assert "/srv/first" not in text
        assert not re.search(r"\b21\d{3}\b", text)


def test_the_broker_takes_the_largest_record_of_any_topic() -> None:
    lines = dict(line.split("=", 1) for line in kafka.render(SETTINGS)["server.properties"].splitlines())
    assert int(lines["message.max.bytes"]) >= max(topic.max_message_bytes for topic in topics.ALL_TOPICS)
    assert lines["auto.create.topics.enable"] == "false"


def test_trino_writes_the_log_through_the_renaming_file_system() -> None:
    values = {
        row.findtext("name"): row.findtext("value")
        for row in ElementTree.fromstring(trino.render(SETTINGS, JARS)["hadoop/core-site.xml"])
    }
    assert values["fs.hdfs.impl"] == "org.merchantlakehouse.hdfs.RenamingDistributedFileSystem"
    assert values["fs.defaultFS"] == SETTINGS.hdfs_url
    assert trino.catalog(SETTINGS)["connector.name"] == "delta_lake_hdfs"


@pytest.mark.parametrize("value", ["a & b", "<x>", 'a "quoted" one'])
def test_a_hadoop_file_keeps_every_value(value: str) -> None:
    root = ElementTree.fromstring(hdfs.site({"name": value}))
    assert root.findtext("property/value") == value


def test_the_server_finds_its_resource_groups_below_its_working_folder() -> None:
    (program,) = trino.programs(SETTINGS, JARS)
    (name,) = (name for name in trino.render(SETTINGS, JARS) if name.endswith("resource-groups.properties"))
    folder = Path("/srv/first/etc/trino")
    assert (program.folder, name) == (folder, "etc/resource-groups.properties")
    assert f"resource-groups.config-file={folder}/resource-groups.json" in trino.render(SETTINGS, JARS)[name]
