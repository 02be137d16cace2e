"""A frozen project is parsed by the real dbt: what it cannot parse now, it never will."""

from pathlib import Path
from shutil import copytree

import pytest

from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.building.build import Build, BuildFailedError, parse

FIRST = Build(
    gold_version=GoldVersionNumber(2),
    snapshot=SnapshotNumber(1),
    generation=FIRST_GENERATION,
    from_version=-1,
    to_version=3,
    order_repeat_days=35,
)


def test_what_dbt_cannot_parse_fails_for_good(tmp_path: Path) -> None:
    project = Path(copytree(definition.PROJECT, tmp_path / "project"))
    (project / "models" / "gold" / "lost.sql").write_text("select * from {{ ref('nothing') }}")
    with pytest.raises(BuildFailedError, match=r"(?s)dbt could not parse the project: .*nothing") as raised:
        parse(Settings(home=tmp_path / "home"), project, FIRST)
    assert raised.value.is_lasting
