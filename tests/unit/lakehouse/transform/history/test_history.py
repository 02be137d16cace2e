"""What SQL shows of the past: of which gold versions, and at which Delta versions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_MEASURES
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import TableState
from lakehouse.transform import views
from lakehouse.transform.gold_columns import missing_for_good, missing_measures
from lakehouse.transform.history.by_release import History, kept_states, prepare
from lakehouse.transform.views import Kept
from tests.support.release_documents import release, snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)
RETENTION = timedelta(days=90)
STEP = st.tuples(st.integers(1, 3), st.integers(0, 20), st.integers(1, 40))
"""Gold version, Delta version, days until the release."""


def log_of(steps: list[tuple[int, int, int]]) -> list[Published]:
    found: list[Published] = []
    at = START
    for number, (version, delta, days) in enumerate(steps, start=1):
        at += timedelta(days=days)
        tables = {"gold.merchant_sales": TableState(f"gold_v{version}", f"/v{version}", delta)}
        found.append(Published(release(number, snapshot(version, number, tables)), at))
    return found


@given(st.lists(STEP, max_size=12), st.integers(0, 400))
def test_every_retained_release_is_within_what_is_kept(steps: list[tuple[int, int, int]], later: int) -> None:
    releases = log_of(steps)
    now = (releases[-1].released_at if releases else START) + timedelta(days=later)
    kept = {(version, table): state for version, table, state in kept_states(releases, RETENTION, now)}
    retained = [
        one
        for one in releases
        if one is releases[-1] or releases[one.number].released_at >= now - RETENTION  # its successor
    ]
    assert kept.keys() == {(one.release.gold_version, "merchant_sales") for one in retained}
    for one in retained:
        pinned = kept[one.release.gold_version, "merchant_sales"].delta_version
        assert one.release.tables["gold.merchant_sales"].delta_version <= pinned
    assert all(state in [one.release.tables["gold.merchant_sales"] for one in retained] for state in kept.values())


class Statements(Trino):
    """Keeps what it is asked. There is no release in its table yet."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, sql: str, *_: object, **__: object) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if sql.startswith("SHOW COLUMNS"):
            return [{"Column": name} for name in GOLD_MEASURES["merchant_sales"]]
        return [{"release": 0}]


def test_a_release_is_found_only_once_the_views_hold_it(tmp_path: Path) -> None:
    log = ReleaseLog(LocalFiles(tmp_path), Layout("/w"))
    for published in log_of([(1, 3, 1), (2, 5, 1)]):
        log.append(published.release)
    trino = Statements()
    History(trino, log, RETENTION).update(lambda _: False, datetime.now(UTC))
    view = next(place for place, sql in enumerate(trino.asked) if "FOR VERSION AS OF 5" in sql)
    row = next(place for place, sql in enumerate(trino.asked) if sql.startswith("INSERT"))
    assert view < row


def test_the_slower_of_two_followers_has_seen_the_newest(tmp_path: Path) -> None:
    """While one asks for columns, a release is published, and the other shows it."""
    log, releases = ReleaseLog(LocalFiles(tmp_path), Layout("/w")), log_of([(1, 3, 1), (1, 5, 1)])
    log.append(releases[0].release)

    class Slow(Statements):
        def query(self, sql: str, *_: object, **__: object) -> list[dict[str, Any]]:
            if sql.startswith("SHOW COLUMNS") and "merchant_sales" in sql:
                log.append(releases[1].release)
            return super().query(sql)

    trino = Slow()
    History(trino, ReleaseLog(LocalFiles(tmp_path), Layout("/w")), RETENTION).update(lambda _: False, START)
    pinned = [sql for sql in trino.asked if "merchant_sales_by_release" in sql]
    assert "FOR VERSION AS OF 5" in pinned[-1]
    assert next(sql for sql in trino.asked if sql.startswith("INSERT")).count("'cycle'") == 2


def test_what_is_published_while_releases_are_recorded_is_shown_too(tmp_path: Path) -> None:
    log, releases = ReleaseLog(LocalFiles(tmp_path), Layout("/w")), log_of([(1, 3, 1), (1, 5, 1)])
    log.append(releases[0].release)

    class Slow(Statements):
        def query(self, sql: str, *_: object, **__: object) -> list[dict[str, Any]]:
            if sql.startswith("INSERT") and len(log.refresh()) == 1:
                log.append(releases[1].release)
            return super().query(sql)

    trino = Slow()
    History(trino, ReleaseLog(LocalFiles(tmp_path), Layout("/w")), RETENTION).update(lambda _: False, START)
    done = [sql for sql in trino.asked if "merchant_sales_by_release" in sql or sql.startswith("INSERT")]
    assert ["INSERT" in sql for sql in done] == [False, True, False, True]
    assert "FOR VERSION AS OF 5" in done[2]


def test_a_log_with_its_former_columns_is_renamed_in_one_commit() -> None:
    """As a warehouse has it up to version 0.1.0: the kind in ``reason``, the reason in ``why``."""

    class Former(Statements):
        def query(self, sql: str, *_: object, **__: object) -> list[dict[str, Any]]:
            super().query(sql)
            return [{"Column": "release"}, {"Column": "reason"}, {"Column": "why"}]

    former, today = Former(), Statements()
    prepare(former)
    prepare(today)
    [renamed] = [sql for sql in former.asked if "CREATE OR REPLACE TABLE" in sql]
    assert "if(reason = 'first', 'cycle', reason) AS kind, why AS reason" in renamed
    assert [sql for sql in former.asked if sql != renamed] == today.asked
    assert former.asked[-1].startswith("CREATE OR REPLACE VIEW")


def test_versions_are_shown_side_by_side_and_a_measure_that_one_lacks_is_zero() -> None:
    whole = frozenset(GOLD_MEASURES["merchant_sales"])
    kept = [
        Kept(GoldVersionNumber(1), "merchant_sales", TableState("gold_v1", "/v1", 7), whole - {"units"}),
        Kept(GoldVersionNumber(2), "merchant_sales", TableState("gold_v2", "/v2", 3), whole),
        Kept(GoldVersionNumber(2), "merchant_traffic", TableState("gold_v1", "/v1t", 9), frozenset({"page_views"})),
    ]
    found = views.by_release_statements(kept)
    assert list(found) == ["gold.merchant_sales_by_release", "gold.merchant_traffic_by_release"]
    sales = found["gold.merchant_sales_by_release"]
    assert sales.count("UNION ALL") == 1
    assert sales.count("CAST(0 AS BIGINT) AS units") == 1
    assert "lake.gold_v1.merchant_sales FOR VERSION AS OF 7" in sales
    assert "lake.gold_v1.merchant_traffic FOR VERSION AS OF 9" in found["gold.merchant_traffic_by_release"]


def test_the_current_release_shows_a_missing_measure_as_zero_and_a_missing_table_as_empty() -> None:
    release = log_of([(1, 3, 1)])[0].release
    columns = {"merchant_sales": frozenset(GOLD_MEASURES["merchant_sales"]) - {"tax"}}
    made = {sql.split()[4]: sql for sql in views.statements(release, columns)[0]}
    assert "CAST(0 AS DECIMAL(38, 0)) AS tax" in made["lake.gold.merchant_sales"]
    assert "CAST(NULL AS BIGINT) AS page_views" in made["lake.gold.merchant_traffic"]
    assert missing_measures(columns) == ["merchant_sales.tax"]
    assert "merchant_traffic" in missing_for_good(columns)
