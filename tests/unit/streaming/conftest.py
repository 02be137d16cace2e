"""One Spark session for all tests of the streaming package: starting a JVM takes seconds."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from compose.local import fetch
from compose.local.java import write_java_home
from lakehouse.settings import Settings
from streaming.spark import open_session


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("spark")
    jars = fetch.ensure(Settings().cache_path, ["spark"], print)["spark"]
    session = open_session(
        sorted(jars.glob("*.jar")),
        write_java_home(folder / "java"),
        folder / "scratch",
        host="127.0.0.1",
        memory="1g",
    )
    yield session
    session.stop()
