"""All active generations are fed, as long as they are active, by one query once they are level; the failure of one ends
all."""

import threading
from datetime import timedelta

import pytest

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.errors import LakehouseError, NotReadyError, SupersededError
from lakehouse.http.health import Health
from lakehouse.releases.generations import FIRST_GENERATION
from streaming import query_supervisor
from streaming.generations_health import GenerationsHealth
from streaming.offsets import StrandedError
from tests.support.waiting import await_


class World:
    """Which generations are active, and which are fed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(query_supervisor, "CHECK_EVERY", 0.0)
        self.active: set[GenerationNumber] = {FIRST_GENERATION}
        self.away = False
        self.queries: list[set[GenerationNumber]] = []
        self.behind: set[int] = set()
        self.failing: dict[int, Exception | None] = {}
        self.health = GenerationsHealth(timedelta(minutes=1))
        self.stop = threading.Event()
        self.ended: Exception | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def fed(self) -> set[GenerationNumber]:
        return {generation for query in self.queries for generation in query}

    def feed(self, parts: dict[GenerationNumber, Health], stop: threading.Event, level: threading.Event) -> None:
        query = set(parts)
        assert not self.fed & query, "two queries feed one generation"
        self.queries.append(query)
        for health in parts.values():
            health.beat("reading")
        try:
            while not stop.wait(0.005):
                if not self.behind & query:
                    level.set()
                for generation in query & self.failing.keys():
                    error = self.failing[generation]
                    if error is None:
                        return
                    raise error
        finally:
            self.queries.remove(query)

    def look(self) -> set[GenerationNumber]:
        if self.away:
            raise NotReadyError("no HDFS")
        return set(self.active)

    def _run(self) -> None:
        try:
            query_supervisor.QuerySupervisor(self.feed, self.look, self.health).run(self.stop)
        except Exception as error:
            self.ended = error


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_what_becomes_active_is_fed_and_what_is_retired_is_let_go(world: World) -> None:
    await_(lambda: world.fed == {1})
    world.active = {FIRST_GENERATION, GenerationNumber(2)}
    await_(lambda: world.fed == {1, 2})
    await_(lambda: world.health.report()["state"] == "generation 1: reading; generation 2: reading")
    world.active = {GenerationNumber(2)}
    await_(lambda: world.fed == {2})
    await_(lambda: world.health.report()["state"] == "reading")
    world.active = set()
    await_(lambda: world.health.report()["state"] == "no generation of bronze is fed")
    assert not world.health.report()["ready"]
    world.stop.set()
    world.thread.join(20)
    assert (world.fed, world.ended) == (set(), None)


def test_one_that_is_behind_has_a_query_of_its_own_until_it_is_level(world: World) -> None:
    await_(lambda: world.queries == [{1}])
    world.behind = {2}
    world.active = {FIRST_GENERATION, GenerationNumber(2)}
    await_(lambda: world.queries == [{1}, {2}])
    threading.Event().wait(0.5)
    assert world.queries == [{1}, {2}]
    world.behind = set()
    await_(lambda: world.queries == [{1, 2}])
    world.behind = {3}
    world.active = {FIRST_GENERATION, GenerationNumber(2), GenerationNumber(3)}
    await_(lambda: world.queries == [{1, 2}, {3}])
    world.active = {GenerationNumber(2), GenerationNumber(3)}
    await_(lambda: world.queries == [{3}, {2}])
    world.behind = set()
    await_(lambda: world.queries == [{2, 3}])
    world.stop.set()
    world.thread.join(20)
    assert (world.fed, world.ended) == (set(), None)


def test_feeds_go_on_while_hdfs_does_not_say_what_is_active(world: World) -> None:
    await_(lambda: world.fed == {1})
    world.away = True
    world.active = set()
    threading.Event().wait(0.5)
    assert world.fed == {1}
    world.stop.set()
    world.thread.join(20)


@pytest.mark.parametrize("error", [SupersededError("epoch 2 writes"), None])
def test_the_end_of_one_is_the_end_of_all_with_its_reason(world: World, error: Exception | None) -> None:
    world.active = {FIRST_GENERATION, GenerationNumber(2)}
    await_(lambda: world.fed == {1, 2})
    world.failing[2] = error
    world.thread.join(20)
    assert world.fed == set()
    assert isinstance(world.ended, LakehouseError)
    assert error is None or world.ended is error


def test_a_stranded_generation_stops_no_other_and_is_named_until_it_is_retired(world: World) -> None:
    """The one that is made in its place comes later, as ``reprocess --from raw`` does."""
    world.failing[1] = StrandedError({FIRST_GENERATION: "Kafka does not have what bronze needs next"})
    await_(lambda: world.health.report()["reason"] is not None)
    world.active = {FIRST_GENERATION, GenerationNumber(2)}
    await_(lambda: world.queries == [{2}])
    report = world.health.report()
    assert (report["healthy"], report["ready"]) == (False, False)
    assert report["reason"] == "Kafka does not have what bronze needs next"
    assert report["state"].endswith("generation 2: reading")
    world.active = {GenerationNumber(2)}
    await_(lambda: world.health.report()["healthy"])
    assert (world.queries, world.ended) == ([{2}], None)
    world.stop.set()
    world.thread.join(20)
    assert (world.fed, world.ended) == (set(), None)


def test_what_one_query_feeds_with_a_stranded_generation_is_fed_without_it(world: World) -> None:
    world.active = {FIRST_GENERATION, GenerationNumber(2)}
    await_(lambda: world.queries == [{1, 2}])
    world.failing[1] = StrandedError({FIRST_GENERATION: "lost"})
    await_(lambda: world.queries == [{2}])
    assert world.ended is None
    world.stop.set()
    world.thread.join(20)


def test_a_generation_that_fails_or_hangs_is_not_hidden_by_another_that_is_well() -> None:
    health = GenerationsHealth(timedelta(minutes=1))
    health.beat("waiting for HDFS", ready=False)
    assert health.report()["state"] == "waiting for HDFS"
    well, ill = health.of(FIRST_GENERATION), health.of(GenerationNumber(2))
    well.beat("reading Kafka")
    assert not health.report()["ready"]
    ill.fail("offsets lost")
    report = health.report()
    assert (report["healthy"], report["ready"], report["reason"]) == (False, False, "offsets lost")
    assert GenerationsHealth(timedelta(0)).of(FIRST_GENERATION) is not None
    health.forget(GenerationNumber(2))
    assert health.report()["healthy"]
    late = GenerationsHealth(timedelta(seconds=-1))
    late.of(FIRST_GENERATION).beat("reading")
    assert "no progress" in str(late.report()["reason"])
