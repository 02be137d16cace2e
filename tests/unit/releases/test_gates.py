"""A version that lacks what readers know: refused, accepted, or not to be shown at all."""

from typing import Any, cast

import pytest

from lakehouse.clients.trino import Trino
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, GOLD_TABLES
from lakehouse.errors import RefusedError
from lakehouse.releases.model import GoldVersion, TableState
from lakehouse.releases.publishing.gates import Prospect, is_whole
from lakehouse.settings import Settings
from tests.release_documents import DEFINITION, snapshot

WHOLE = {name: {*GOLD_KEYS[name], *GOLD_MEASURES[name], "slot_month", "snapshot"} for name in GOLD_TABLES}


class Described:
    """Tables with their columns."""

    def __init__(self, columns: dict[str, set[str]]) -> None:
        self._columns = columns

    def query(self, sql: str) -> list[dict[str, Any]]:
        assert sql.startswith("SHOW COLUMNS FROM lake.gold_v2.")
        return [{"Column": name} for name in self._columns[sql.rpartition(".")[2]]]


def judged(monkeypatch: pytest.MonkeyPatch, columns: dict[str, set[str]], accept: bool = False) -> str:
    monkeypatch.setattr(Trino, "of", lambda *_, read_only: read_only and Described(columns))
    states = {f"gold.{name}": TableState("gold_v2", f"/v2/{name}", 1) for name in columns}
    audited = snapshot(2, 1, states, complete_through=900)
    version = GoldVersion(2, DEFINITION, 0, "n")
    return is_whole(Settings())(Prospect(version, audited, cast(Any, None), audited), accept)


def test_what_has_all_that_readers_know_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, WHOLE).startswith("whole")


def test_a_missing_table_or_measure_is_named_and_shown_as_zero_once_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"merchant_sales": WHOLE["merchant_sales"] - {"tax"}}
    with pytest.raises(RefusedError, match=r"version 2 lacks merchant_sales.tax, merchant_traffic, .*--accept"):
        judged(monkeypatch, columns)
    said = judged(monkeypatch, columns, accept=True)
    assert said == "lacking, accepted and shown as zero: merchant_sales.tax, merchant_traffic"


@pytest.mark.parametrize("key", ["slot", "currency", "slot_month", "snapshot"])
def test_a_missing_key_is_accepted_from_nobody(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    columns = {**WHOLE, "merchant_sales": WHOLE["merchant_sales"] - {key}}
    with pytest.raises(RefusedError, match=f"lacks merchant_sales.{key}, without which"):
        judged(monkeypatch, columns, accept=True)
