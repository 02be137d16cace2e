"""``promote --help`` tells what a promote is held to."""

import math

from typer.testing import CliRunner

from lakehouse.cli import promote
from lakehouse.settings import ReleaseSettings


def test_help_names_the_limit_and_what_it_is_until_it_is_set() -> None:
    said = " ".join(CliRunner().invoke(promote.app, ["--help"], catch_exceptions=False).stdout.split())
    assert "LAKEHOUSE_RELEASES__MAX_CHANGE" in said
    assert ("Until that is set, there is no limit" in said) == math.isinf(ReleaseSettings().max_change)
