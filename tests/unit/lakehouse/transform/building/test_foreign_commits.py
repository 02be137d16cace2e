"""What another query wrote into a table of a build is not published with it."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.releases.model import TableState
from lakehouse.settings import Settings
from lakehouse.transform.building.table_states import ForeignCommitError, Tables

NAME = "gold.merchant_sales"
FOLDER = "/merchant_sales"


def refuse(folder: Path, ours: set[str]) -> None:
    """Version 3 is audited; query ``theirs`` wrote version 4, query ``mine`` version 5."""
    files = LocalFiles(folder)
    for version, query in ((4, "theirs"), (5, "mine")):
        actions = (
            {"commitInfo": {"timestamp": 0, "operation": "WRITE", "operationParameters": {"queryId": query}}},
            {"add": {"path": query, "size": 1, "partitionValues": {}, "dataChange": True}},
        )
        log = "\n".join(map(json.dumps, actions)).encode()
        files.write(f"{FOLDER}/_delta_log/{version:020d}.json", log)
    before, now = ({NAME: TableState("gold_v2", FOLDER, version)} for version in (3, 5))
    Tables(Settings(home=folder), files, Mock()).refuse_foreign_commits(now, before, ours)


def test_another_querys_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignCommitError, match=r"version 4 of gold\.merchant_sales was written by query theirs"):
        refuse(tmp_path, {"mine"})


def test_a_builds_own_queries_may_be_several(tmp_path: Path) -> None:
    refuse(tmp_path, {"mine", "theirs"})
