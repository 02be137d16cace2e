"""Builds of the real project by the real dbt, on a Trino that runs nothing."""

import pytest
from trino.exceptions import TrinoQueryError, TrinoUserError

from lakehouse.releases import definition
from lakehouse.releases.building.build import Build, BuildFailedError, run
from lakehouse.settings import Settings
from tests.unit.releases.scripted_trino import Answer, ScriptedTrino, install, node_of

FIRST = Build(gold_version=2, snapshot=1, generation=1, from_version=-1, to_version=3, order_repeat_days=35)


@pytest.fixture
def trino(monkeypatch: pytest.MonkeyPatch) -> ScriptedTrino:
    return install(monkeypatch)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home, so that the project is parsed once."""
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize(
    ("name", "kind", "lasting", "too_large"),
    [
        ("COLUMN_NOT_FOUND", "USER_ERROR", True, False),
        ("ADMINISTRATIVELY_KILLED", "USER_ERROR", False, False),
        ("ABANDONED_QUERY", "USER_ERROR", False, False),
        ("USER_CANCELED", "USER_ERROR", False, False),
        ("EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES", False, True),
        ("GENERIC_INTERNAL_ERROR", "INTERNAL_ERROR", False, False),
    ],
)
def test_only_what_would_fail_again_is_lasting(
    trino: ScriptedTrino, settings: Settings, name: str, kind: str, lasting: bool, too_large: bool
) -> None:
    """By the message of Trino's own client. Who ends a query says nothing of its statement."""

    def fail(sql: str) -> Answer | None:
        if node_of(sql) != "events":
            return None
        error = TrinoUserError if kind == "USER_ERROR" else TrinoQueryError
        raise error({"errorName": name, "errorType": kind, "message": "a message"}, "20261127_1")

    trino.script = fail
    with pytest.raises(BuildFailedError, match=f"(?s)^events failed, with .*{name}") as raised:
        run(settings, definition.PROJECT, FIRST)
    assert (raised.value.is_lasting, raised.value.is_too_large) == (lasting, too_large)
