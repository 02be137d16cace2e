"""What ``up`` is asked to start, and ports that it cannot have."""

import socket
from collections.abc import Iterator

import pytest

from lakehouse.cli import up
from lakehouse.errors import RefusedError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_without_only_it_is_everything() -> None:
    assert up.chosen(None) == ["edge", "kafka", "hdfs", "streaming", "trino", "transform", "insights"]


def test_only_is_put_into_path_order() -> None:
    assert up.chosen("trino, kafka") == ["kafka", "trino"]


@pytest.mark.parametrize("only", ["", ",", "kafka,spark"])
def test_an_unknown_service_is_refused_with_the_known_ones(only: str) -> None:
    with pytest.raises(RefusedError, match="some of edge, kafka"):
        up.chosen(only)


def test_a_taken_port_is_refused_with_the_variable_that_moves_it(taken_port: int) -> None:
    with pytest.raises(RefusedError, match=f"Port {taken_port}, which kafka needs.*LAKEHOUSE_PORT_BASE"):
        up.check_ports("kafka", "127.0.0.1", [taken_port])
