"""Spark beside the embedded stack, in the tests' own process."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from streaming.spark import jars_in, open_session
from tests.fuzz.line import Line
from tests.support.embedded_stack import EmbeddedStack


@pytest.fixture(scope="module")
def spark(lake: EmbeddedStack) -> Iterator[SparkSession]:
    """The session of the streaming job; the one that other tests have left, where there is one."""
    settings = lake.settings
    scratch = settings.home_path / "spark"
    session = open_session(jars_in(settings.spark_jars), settings.java_home, scratch, host=settings.host, memory="1g")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def line(lake: EmbeddedStack, spark: SparkSession) -> Line:
    return Line(lake.settings, spark)
