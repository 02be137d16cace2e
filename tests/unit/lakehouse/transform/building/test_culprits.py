"""Whatever makes a build fail, it goes on without that alone: random culprits, and some that fail only together."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.transform.building.build import Build, BuildFailedError
from lakehouse.transform.building.culprits import Culprits, DefinitionAtFaultError
from lakehouse.transform.building.input_rows import InputRow
from lakehouse.transform.building.set_aside import MOST_ALONE, MOST_RULES, Aside, AsideDocuments, Position, Rule

PLAN = Build(
    GoldVersionNumber(1),
    snapshot=SnapshotNumber(7),
    generation=FIRST_GENERATION,
    from_version=3,
    to_version=4,
    order_repeat_days=35,
)


def row(number: int, merchant: str = "shop") -> InputRow:
    return InputRow(Position(1_000 * (number // 3), "edge-1", "s-1", number), merchant, "order.placed")


@dataclass
class Models:
    """Models that fail on some sets of events, and take everything else."""

    rows: list[InputRow]
    fatal: list[frozenset[int]]
    kept: list[Aside] = field(default_factory=list)
    builds: int = 0

    def build(self, plan: Build) -> list[int]:
        """The places of the events that it takes."""
        self.builds += 1
        alone = {rule.position for rule in plan.set_aside if not rule.and_all_after}
        wide = [rule for rule in plan.set_aside if rule.and_all_after]
        taken = [
            place
            for place, one in enumerate(self.rows)
            if self.is_within(plan, one) and one.position not in alone and not any(meets(rule, one) for rule in wide)
        ]
        present = set(taken)
        for deadly in self.fatal:
            if deadly <= present:
                raise BuildFailedError("failed", is_of_data=True, words=f"Cannot cast {sorted(deadly)}")
        return taken

    def is_within(self, plan: Build, one: InputRow) -> bool:
        if plan.up_to == "nothing":
            return False
        return not plan.up_to or one.position <= self.places[plan.up_to["seq"]]

    @cached_property
    def places(self) -> dict[int, Position]:
        """The models read a position as text; here its sequence tells which it is."""
        assert all(one.position.variables["accepted_at"].endswith(" UTC") for one in self.rows[:3])
        return {one.position.seq: one.position for one in self.rows}

    def search(self, error: str = "the first failure") -> list[int]:
        culprits = Culprits(self.rows, PLAN, self.build, self.kept.append, lambda _: None)
        return culprits.set_aside(Aside(), BuildFailedError(error, is_of_data=True, words=error))


def meets(rule: Rule, one: InputRow) -> bool:
    """A rule that is meant for all that follow."""
    return (rule.merchant_id, rule.type) == (one.merchant_id, one.type) and one.position >= rule.position


@given(st.integers(1, 300), st.data())
def test_only_the_culprits_are_left_out(count: int, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    models = Models([row(n, f"shop-{n}") for n in range(count)], [frozenset({n}) for n in places])
    assert models.search() == [n for n in range(count) if n not in places]
    assert [rule.position.seq for rule in models.kept[-1].rules] == sorted(places)
    assert {rule.snapshot for rule in models.kept[-1].rules} == {PLAN.snapshot}
    assert models.builds <= 1 + len(places) * (count.bit_length() + 2)


@given(st.integers(2, 200), st.data())
def test_of_events_that_fail_together_the_last_one_is_left_out(count: int, data: st.DataObject) -> None:
    together = data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=4))
    models = Models([row(n) for n in range(count)], [frozenset(together)])
    assert models.search() == [n for n in range(count) if n != max(together)]


def test_the_words_are_those_of_the_query_that_failed_on_it() -> None:
    models = Models([row(n) for n in range(50)], [frozenset({20})])
    models.search()
    assert models.kept[-1].rules[0].words == "Cannot cast [20]"


def test_a_merchant_with_many_is_left_out_from_the_first_on() -> None:
    bad = range(10, 50, 2)
    rows = [row(n, "noisy" if n in bad else "other") for n in range(60)]
    models = Models(rows, [frozenset({n}) for n in bad])
    assert models.search() == [n for n in range(60) if n not in bad]
    (rule,) = models.kept[-1].rules
    assert (rule.merchant_id, rule.position.seq, rule.and_all_after) == ("noisy", 10, True)
    assert len(models.kept) == MOST_ALONE + 1


def test_other_types_of_that_merchant_are_counted() -> None:
    rows = [row(n)._replace(type="page.viewed" if n % 2 else "order.placed") for n in range(40)]
    models = Models(rows, [frozenset({n}) for n in range(10, 40, 2)])
    assert models.search() == [n for n in range(40) if n % 2 or n < 10]


def test_what_fails_without_events_is_the_definitions_fault() -> None:
    models = Models([row(n) for n in range(10)], [frozenset()])
    with pytest.raises(DefinitionAtFaultError, match=r"the first failure.*without any event"):
        models.search()
    assert (models.builds, models.kept) == (1, [])


def test_what_fails_on_every_senders_events_is_the_definitions_fault() -> None:
    """Trino finds out that there is nothing to compute, so that it passes without events."""
    models = Models([row(n, f"shop-{n % 5}") for n in range(1_000)], [frozenset({n}) for n in range(1_000)])
    with pytest.raises(DefinitionAtFaultError, match="not a single event") as refused:
        models.search()
    assert refused.value.is_lasting
    assert models.builds < 20


def test_what_fails_on_too_many_is_the_definitions_fault() -> None:
    bad = range(20, 1_500, 20)
    models = Models([row(n, f"shop-{n}") for n in range(1_500)], [frozenset({n}) for n in bad])
    with pytest.raises(DefinitionAtFaultError):
        models.search()
    assert len(models.kept[-1].rules) == MOST_RULES


def test_a_server_that_is_away_ends_the_search() -> None:
    models = Models([row(n) for n in range(10)], [frozenset({5})])

    def away(plan: Build) -> list[int]:
        if plan.up_to != "nothing":
            raise BuildFailedError("Trino does not answer")
        return []

    culprits = Culprits(models.rows, PLAN, away, models.kept.append, lambda _: None)
    with pytest.raises(BuildFailedError, match="does not answer"):
        culprits.set_aside(Aside(), BuildFailedError("failed", is_of_data=True))
    assert models.kept == []


def test_what_is_set_aside_is_remembered(tmp_path: Path) -> None:
    documents = AsideDocuments(LocalFiles(tmp_path), Layout("/w"))
    assert documents.of(GoldVersionNumber(1)) == Aside()
    rule = Rule(Position(1, "e", "s", 2), "m", "order.placed", "it's {{ odd }}", SnapshotNumber(3))
    documents.keep(GoldVersionNumber(1), Aside().with_rule(rule))
    assert documents.of(GoldVersionNumber(1)).rules == (rule,)
    assert documents.of(GoldVersionNumber(2)) == Aside()
