"""``promote --help`` tells what a promote is held to, and what an operator accepts arrives."""

import json
import math
from typing import Any

import pytest
from typer.testing import CliRunner

from lakehouse.cli import promote
from lakehouse.settings import ReleaseSettings
from lakehouse.transform.publishing.promote import PromoteRequest
from lakehouse.verb_plan import VerbPlan


def test_help_names_the_limit_and_what_it_is_until_it_is_set() -> None:
    said = " ".join(CliRunner().invoke(promote.app, ["--help"], catch_exceptions=False).stdout.split())
    assert "LAKEHOUSE_RELEASES__MAX_CHANGE" in said
    assert ("Until that is set, there is no limit" in said) == math.isinf(ReleaseSettings().max_change)


def test_each_named_edge_arrives_with_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(settings: Any, files: Any, request: PromoteRequest) -> VerbPlan:
        return VerbPlan("promote", (), {"edges": list(request.accept_unproved), "reason": request.reason})

    monkeypatch.setattr("lakehouse.transform.publishing.promote.plan", plan)
    monkeypatch.setattr(promote, "HdfsFiles", lambda _: None)
    arguments = ["2", "--dry-run", "--format", "json", "--reason", "a fire"]
    for edges in ([], ["edge-2", "edge-7/aa"]):
        named = [word for edge in edges for word in ("--accept-unproved", edge)]
        document = json.loads(CliRunner().invoke(promote.app, [*arguments, *named], catch_exceptions=False).stdout)
        assert (document["edges"], document["reason"]) == (edges, "a fire")
