"""Entries once each, from whatever tables are there."""

from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import SqlError
from lakehouse.contracts.quarantine import Station
from lakehouse.quarantine.selection import Named, Where
from tests.support.quarantine_world import AT, QuarantineWorld, kept, order, rejected, released, sent, uncounted

BODY = sent(order(1, "brl"))
EVERYTHING = Where()


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return released(tmp_path)


def test_what_was_delivered_twice_is_one_entry(files: LocalFiles) -> None:
    again = rejected(BODY, kafka_offset=8)
    other = rejected(BODY, at=AT + timedelta(milliseconds=1))
    copy = uncounted(3, {})
    world = QuarantineWorld([rejected(BODY), again, other], [copy, copy])
    found = list(world.quarantine(files).kept(EVERYTHING))
    assert [one.refused.station for one in found] == [Station.EDGE, Station.EDGE, Station.MODELS]
    assert found[:2] == [kept(rejected(BODY)), kept(other)]
    name = found[0].refused.name
    whole = world.quarantine(files).find(name)
    assert whole is not None
    assert [delivery["offset"] for delivery in whole.deliveries] == [7, 8]


def test_only_what_is_named_is_taken(files: LocalFiles) -> None:
    """Others were rejected in the same millisecond."""
    one, other = rejected(BODY), rejected(sent(order(2, "brl")))
    world = QuarantineWorld([one, other], [uncounted(3, {}), uncounted(4, {})])
    named = Named.of([kept(other).refused.name, "edge-1/aa-0/4"])
    found = world.quarantine(files).kept(named)
    assert {each.refused.name for each in found} == set(named.places)


def test_before_the_first_cycle_there_is_nothing(tmp_path: Path) -> None:
    world = QuarantineWorld(error="TABLE_NOT_FOUND")
    quarantine = world.quarantine(LocalFiles(tmp_path))
    assert list(quarantine.kept(EVERYTHING)) == []
    assert quarantine.newest(EVERYTHING, 9) == []
    assert quarantine.counts(EVERYTHING, 9).total == 0
    assert quarantine.find("edge-1/aa-0/4") is None
    assert all("silver" not in sql for sql in world.asked)


def test_a_definition_that_marks_nothing_unreadable_is_read_without_it(files: LocalFiles) -> None:
    world = QuarantineWorld(error="COLUMN_NOT_FOUND")
    with pytest.raises(SqlError):
        world.quarantine(files).newest(EVERYTHING, 9)
    assert ["unreadable_by_model" in sql for sql in world.asked] == [True, False]


def test_other_refusals_of_trino_are_raised(files: LocalFiles) -> None:
    with pytest.raises(SqlError, match="SYNTAX_ERROR"):
        QuarantineWorld(error="SYNTAX_ERROR").quarantine(files).counts(EVERYTHING, 9)


def test_replays_are_named(files: LocalFiles) -> None:
    name = kept(rejected(BODY)).refused.name
    world = QuarantineWorld([rejected(BODY)], replays=[(name, "edge-1/aa-1/5"), (name, "edge-1/aa-1/9")])
    (entry,) = world.quarantine(files).newest(EVERYTHING, 9, replays=True)
    assert entry.replays == ("edge-1/aa-1/5", "edge-1/aa-1/9")
    assert "accepted_date >= DATE '2026-11-23'" in world.asked[-1]
    assert world.quarantine(files).replayed(AT) == {name}


def test_conditions_reach_every_table_and_quotes_stay_texts(files: LocalFiles) -> None:
    world = QuarantineWorld()
    where = Where("it's", "m", AT, AT + timedelta(days=2), Station.MODELS)
    world.quarantine(files).newest(where, 9)
    (sql,) = world.asked
    assert sql.count("reason = 'it''s' AND merchant_id = 'm' AND station = 'models'") == 2
    assert "silver_v1.duplicates FOR VERSION AS OF 4" in sql
    assert "quarantined_date >= DATE '2026-11-23' AND quarantined_date <= DATE '2026-11-25'" in sql
    assert "at >= TIMESTAMP '2026-11-23 10:05:01.123 UTC'" in sql
