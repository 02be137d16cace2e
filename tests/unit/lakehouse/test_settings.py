"""Where the parts are: on this machine by the stack's ports, or wherever an operator says."""

import pytest

from lakehouse.clients.kafka_admin import broker_count
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.settings import Settings, load_settings


def test_a_part_without_an_address_is_at_the_stacks_port() -> None:
    settings = Settings(host="127.0.0.9", port_base=20_000)
    assert settings.kafka_bootstrap == "127.0.0.9:20008"
    assert settings.warehouse_url == "hdfs://127.0.0.9:20003/lakehouse"
    assert (settings.trino_url, settings.trino_address) == ("http://127.0.0.9:20002", ("127.0.0.9", 20002))


def test_a_part_may_run_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_AT__KAFKA", "kafka-1:9092,kafka-2:9092")
    monkeypatch.setenv("LAKEHOUSE_AT__HDFS", "namenode:8020")
    monkeypatch.setenv("LAKEHOUSE_AT__TRINO", "trino:8080")
    monkeypatch.setenv("LAKEHOUSE_AT__EDGE", "")
    monkeypatch.setenv("LAKEHOUSE_KEYS", "/etc/lakehouse/keys")
    settings = load_settings()
    assert settings.kafka_bootstrap == "kafka-1:9092,kafka-2:9092"
    assert settings.warehouse_url == "hdfs://namenode:8020/lakehouse"
    assert (settings.trino_url, settings.trino_address) == ("http://trino:8080", ("trino", 8080))
    assert settings.edge_url == f"http://{settings.host}:{settings.ports.edge}"
    assert str(settings.keys_path) == "/etc/lakehouse/keys"


@pytest.mark.parametrize("value", ["kafka", "http://kafka:9092", "kafka:9092,", "kafka:9092, other:9092", ":9092"])
def test_what_is_no_address_is_refused_by_the_variables_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_AT__KAFKA", value)
    with pytest.raises(RefusedError, match="LAKEHOUSE_AT__KAFKA"):
        load_settings()


def test_of_several_brokers_none_answers() -> None:
    with pytest.raises(NotReadyError, match="ConnectionRefused"):
        broker_count("127.0.0.1:1,127.0.0.1:2", 1.0)
