"""The edge that the tests of a module share."""

from collections.abc import Iterator

import pytest

from lakehouse.clients.files import LocalFiles
from tests.support.running_edge import RunningEdge, serve, settings_of


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEdge]:
    """One edge for all tests of a module."""
    home = tmp_path_factory.mktemp("edge")
    yield from serve(settings_of(home), LocalFiles(home / "hdfs"))
