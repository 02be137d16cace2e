"""Restatements: what is compared, in which parts, and where nothing can have changed without asking Trino."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import QueryFailedError
from lakehouse.contracts.ids import ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.metrics import METRICS
from lakehouse.contracts.tables import GOLD_TABLES, RESTATEMENT_COLUMNS
from lakehouse.releases import restated
from lakehouse.releases.log import Published
from lakehouse.releases.model import TableState
from lakehouse.releases.restated import Part
from lakehouse.transform.history import restatements
from lakehouse.transform.history.restatement_sql import Change, Side, halves, insert, parts
from tests.support.release_documents import release, snapshot

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
MICROS = int(AT.timestamp()) * 1_000_000


def published(number: int, version: int = 1, delta: int = 1, kind: str = "cycle", **changes: Any) -> Published:
    states = {f"gold.{name}": TableState(f"gold_v{version}", f"/v{version}/{name}", delta) for name in GOLD_TABLES}
    shown = snapshot(version, number, states, complete_through=MICROS)
    return Published(release(number, shown, kind=kind, **changes), AT + timedelta(minutes=number))


def tables_of(changes: list[Change]) -> list[str]:
    return [change.table for change in changes]


def test_a_release_that_wrote_no_gold_needs_no_query() -> None:
    """Only ``complete_through`` has moved: the same Delta versions under another snapshot."""
    assert restatements.changes(published(1), published(2), AT) == []


def test_nothing_is_restated_before_a_number_was_final() -> None:
    assert restatements.changes(published(1), published(2, delta=2), None) == []


def test_what_one_of_the_two_does_not_show_is_not_restated() -> None:
    whole = published(2, delta=2)
    sales = {"gold.merchant_sales": whole.release.tables["gold.merchant_sales"]}
    assert tables_of(restatements.changes(published(1), whole, AT)) == list(GOLD_TABLES)
    assert tables_of(restatements.changes(published(1), published(2, tables=sales), AT)) == ["merchant_sales"]
    assert tables_of(restatements.changes(published(1, tables=sales), published(2, delta=3), AT)) == ["merchant_sales"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("cycle", "late_events"), ("promote", "new_definition"), ("rollback", "rollback"), ("other", "other")],
)
def test_the_reason_follows_from_the_kind_of_release(kind: str, reason: str) -> None:
    found = restatements.changes(published(1), published(2, version=2, kind=kind), AT)
    assert {change.reason for change in found} == {reason}


def test_one_physical_table_is_read_for_what_came_between_the_two_snapshots() -> None:
    forward = restatements.changes(published(1, snapshot=7), published(2, delta=5, snapshot=9), AT)[0]
    back = restatements.changes(published(1, delta=5, snapshot=9), published(2, snapshot=7, kind="rollback"), AT)[0]
    for change in (forward, back):
        assert change.is_one_table
        text = insert(change, Part("merchant_sales", date(2026, 11, 1), date(2026, 11, 1)))
        assert "snapshot > 7 AND snapshot <= 9" in text
        assert "FOR VERSION AS OF 5" in text
        assert "FOR VERSION AS OF 1" not in text


def test_only_hours_that_had_ended_are_compared() -> None:
    within = restatements.changes(published(1), published(2, version=2), AT + timedelta(minutes=45))[0]
    assert "slot < TIMESTAMP '2026-11-23 10:00:00.000 UTC'" in insert(within, Part("merchant_sales", AT, AT))


def test_a_measure_that_a_version_does_not_have_was_shown_as_nothing() -> None:
    change = restatements.changes(published(1), published(2, version=2), AT)[0]
    assert change.table == "merchant_sales"
    known = frozenset({"gross_sales"})
    old, new = (replace(side, columns=known) for side in (change.old, change.new))
    text = insert(replace(change, old=old, new=new), Part("merchant_sales", AT, AT))
    assert text.count("CAST(0 AS BIGINT) AS units") == 2
    assert "CAST(0 AS DECIMAL(38, 0)) AS gross_sales" not in text


@pytest.mark.parametrize("table", GOLD_TABLES)
def test_every_additive_metric_is_in_the_statement(table: str) -> None:
    side = Side(TableState("gold_v1", f"/v1/{table}", 1), SnapshotNumber(1))
    other = Side(TableState("gold_v2", f"/v2/{table}", 1), SnapshotNumber(1))
    text = insert(Change(table, ReleaseNumber(2), AT, "new_definition", side, other, AT), Part(table, AT, AT))
    named = {m.name for m in METRICS.values() if m.table == table and m.additive}
    assert all(f"'{name}'" in text for name in named)
    assert not [m.name for m in METRICS.values() if not m.additive and f"'{m.name}'" in text]
    assert f"({', '.join(RESTATEMENT_COLUMNS)})" in text


MONTHS = [date(2026, month, 1) for month in range(1, 13)]


@given(st.dictionaries(st.sampled_from(MONTHS), st.integers(1, 1000)), st.integers(1, 300))
def test_parts_cover_each_merchants_month_once_and_hold_what_fits(rows: dict[date, int], limit: int) -> None:
    planned = parts("merchant_sales", sorted(rows.items()), limit)
    for month, count in rows.items():
        covering = [part for part in planned if part.first <= month <= part.last]
        assert sorted(part.share for part in covering) == list(range(covering[0].shares))
        assert {part.shares for part in covering} == {max(1, -(-count // limit))}
    for part in planned:
        held = sum(count for month, count in rows.items() if part.first <= month <= part.last)
        assert held <= limit * part.shares
    whole = [part for part in planned if part.shares == 1]
    assert all(one.last < other.first for one, other in pairwise(whole))


@given(st.integers(0, 2**32), st.integers(1, 64), st.data())
def test_halves_divide_the_merchants_of_a_part(merchant: int, shares: int, data: st.DataObject) -> None:
    part = Part("merchant_sales", MONTHS[0], MONTHS[3], data.draw(st.integers(0, shares - 1)), shares)
    holding = [half for half in halves(part) if merchant % half.shares == half.share]
    assert len(holding) == (merchant % part.shares == part.share)
    assert all((half.first, half.last) == (part.first, part.last) for half in halves(part))


class SmallTrino:
    """Says what there is to compare, and takes statements for at least a fourth part of a table's merchants only."""

    def __init__(self, files: LocalFiles) -> None:
        self.inserted: list[str] = []
        self.shown: list[str] = []
        self._files = files
        self._commit(0)

    def _commit(self, version: int) -> None:
        self._files.write(f"/ops/log/_delta_log/{version:020}.json", b"{}")

    def query(self, sql: str) -> list[dict[str, Any]]:
        if sql.startswith("SHOW CREATE TABLE"):
            return [{"Create Table": "WITH (location = 'hdfs://host/ops/log')"}]
        if sql.startswith("WITH"):
            return [{"month": MONTHS[0], "rows": 10}] if "merchant_sales" in sql else []
        if sql.startswith("CREATE OR REPLACE VIEW"):
            self.shown.append(sql)
        if sql.startswith("INSERT"):
            if "% 4 =" not in sql:
                raise QueryFailedError("Query exceeded per-node memory limit (EXCEEDED_LOCAL_MEMORY_LIMIT)")
            self.inserted.append(sql)
            self._commit(len(self.inserted))
        return []


class LogOf:
    def __init__(self, *releases: Published) -> None:
        self._releases = list(releases)

    def refresh(self) -> list[Published]:
        return self._releases


@pytest.mark.parametrize("longest", [timedelta(0), timedelta(minutes=5)])
def test_what_does_not_fit_into_memory_is_divided_and_what_there_is_no_time_for_is_left(
    tmp_path: Any, longest: timedelta
) -> None:
    files, layout = LocalFiles(tmp_path), Layout("/lakehouse")
    trino: Any = SmallTrino(files)
    log: Any = LogOf(published(1), published(2), published(3, version=2, kind="promote"), published(4, version=2))
    calls = 0
    while restatements.update(trino, files, layout, log, longest) < 4:
        calls += 1
        assert calls < 20, "every call must get further"
    assert (calls > 1) == (longest == timedelta(0))
    assert sorted(sql.partition("% 4 = ")[2][0] for sql in trino.inserted) == ["0", "1", "2", "3"]
    assert shown_through(trino.shown) == [1, 1, 3, 3]
    assert restated.restated_through(files, layout) == 4


def shown_through(statements: list[str]) -> list[int]:
    return [int(sql.rpartition("release <= ")[2]) for sql in statements]


def test_a_slow_follower_goes_not_back_behind_a_faster_one(tmp_path: Any) -> None:
    """It is about to show release 3 while the other shows and saves release 5."""
    files, layout = LocalFiles(tmp_path), Layout("/lakehouse")
    promoted = published(3, version=2, kind="promote")
    releases = [published(1), published(2), promoted, published(4, version=2), published(5, kind="rollback")]
    slow_log: Any = LogOf(*releases[:3])
    log: Any = LogOf(*releases)

    class Slow(SmallTrino):
        is_slow = True

        def query(self, sql: str) -> list[dict[str, Any]]:
            if sql.endswith("release <= 3") and self.is_slow:
                self.is_slow = False
                restatements.update(cast(Any, self), files, layout, log)
            return super().query(sql)

    trino: Any = Slow(files)
    assert restatements.update(trino, files, layout, slow_log) == 5
    assert restated.restated_through(files, layout) == 5
    assert shown_through(trino.shown)[-2:] == [3, 5]


def test_what_another_shows_just_before_the_document_is_saved_does_not_stay(tmp_path: Any) -> None:
    files, layout = LocalFiles(tmp_path), Layout("/lakehouse")
    log: Any = LogOf(published(1), published(2, version=2, kind="promote"))

    class Beside(SmallTrino):
        def query(self, sql: str) -> list[dict[str, Any]]:
            found = super().query(sql)
            if sql.endswith("release <= 2") and restated.restated_through(files, layout) == 1:
                super().query(self.shown[0])
            return found

    trino: Any = Beside(files)
    assert restatements.update(trino, files, layout, log) == 2
    assert shown_through(trino.shown)[-3:] == [2, 1, 2]


def test_how_far_it_is_is_read_from_the_document(tmp_path: Any) -> None:
    assert restated.restated_through(LocalFiles(tmp_path), Layout("/lakehouse")) is None
