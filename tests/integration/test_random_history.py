"""Whatever happens to a warehouse, what was answered once is answered again: to the byte, in SQL to the unit.

Arrivals with a cycle, reprocess, promote, rollback and vacuum on the real HDFS, Trino and insights API: each once, then
a random sequence of them. ``LAKEHOUSE_TEST_STEPS`` and ``LAKEHOUSE_TEST_SEED`` make it longer and another.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.contracts import tables
from lakehouse.releases.version_status import Status, version_states
from lakehouse.transform import definition
from lakehouse.transform.backfill.plan import ReprocessRequest, Source
from lakehouse.transform.backfill.reprocess import carry_out, start
from tests.support import embedded_stack
from tests.support.bronze_rows import random_rows
from tests.support.embedded_stack import EmbeddedStack
from tests.support.insights_service import reader
from tests.support.planted_bug import plant
from tests.support.stack_warehouse import StackWarehouse

pytestmark = pytest.mark.stack

STEPS = int(os.environ.get("LAKEHOUSE_TEST_STEPS", "1"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "20261124"))
MERCHANTS = ("shop-a", "shop-b")
QUERY = {"metrics": "gross_sales,returns,orders,page_views", "from": "2026-02-01", "to": "2026-07-01", "grain": "day"}


@dataclass(frozen=True)
class Answered:
    """What readers were told by one release."""

    release: int
    known_at: str
    bodies: dict[str, bytes]
    in_sql: list[dict[str, Any]]


class Walk:
    """A sequence of what can happen, and what was answered after each step."""

    def __init__(self, stack: EmbeddedStack, folder: Path) -> None:
        self.stack = stack
        self.warehouse = StackWarehouse(stack.settings)
        self.chance = random.Random(SEED)
        self.projects = [definition.PROJECT, plant(folder)]
        self.day = 81
        self.answered: dict[int, Answered] = {}
        self.api = reader(stack.settings)

    def each_once(self) -> list[str]:
        return [self.do(one) for one in (self.arrive, self.reprocess, self.promote, self.vacuum, self.rollback)]

    def at_random(self) -> str:
        """Something that can happen now."""
        choices = [self.arrive, self.arrive, self.reprocess, self.vacuum]
        statuses = {state.number: state.status for state in self.version_states()}
        if Status.CANDIDATE in statuses.values() or Status.FORMER in statuses.values():
            choices += [self.promote, self.promote, self.rollback, self.rollback]
        return self.do(self.chance.choice(choices))

    def do(self, what: Callable[[], str]) -> str:
        """It happens, and what readers see then is kept. Returns what it was."""
        done = what()
        self.keep()
        return done

    def arrive(self) -> str:
        rows = random_rows(seed=self.chance.randrange(1 << 30), count=60)
        self.day += 1
        self.warehouse.arrive([replace(row, seq=row.seq + 1000 * self.day) for row in rows], self.day)
        self.warehouse.transform.turn()
        return "arrive"

    def reprocess(self) -> str:
        request = ReprocessRequest(
            Source.BRONZE, "olga", project=self.chance.choice(self.projects), reuse=self.chance.random() < 0.3
        )
        version = start(self.stack.settings, request)
        carry_out(self.stack.settings, version, lambda _: None)
        return f"reprocess {version.version}"

    def promote(self) -> str:
        others = [s.number for s in self.version_states() if s.status in (Status.CANDIDATE, Status.FORMER)]
        number = self.chance.choice(others)
        self.warehouse.promote(number)
        return f"promote {number}"

    def rollback(self) -> str:
        current = self.warehouse.log.current()
        assert current is not None
        held = self.chance.random() < 0.5
        past = [
            one.number
            for one in self.warehouse.log.refresh()
            if held or one.release.gold_version != current.release.gold_version
        ]
        if not past:
            return "nothing to roll back to"
        to = self.chance.choice(past)
        self.warehouse.rollback(to, exact=held)
        return f"rollback to {to}{' exactly' if held else ''}"

    def vacuum(self) -> str:
        done = self.stack.run("vacuum")
        assert done.returncode == 0, done.stderr
        return "vacuum"

    def version_states(self) -> list[Any]:
        return version_states(self.warehouse.versions, self.warehouse.log.refresh())

    def keep(self) -> None:
        """Cycles publish nothing that we do not ask for, so the current release is the one of this step."""
        self.warehouse.transform.turn()
        current = self.warehouse.log.current()
        assert current is not None
        self.await_release(current.number)
        bodies = {merchant: self.ask(merchant) for merchant in MERCHANTS}
        known_at = httpx.Response(200, content=bodies[MERCHANTS[0]]).json()["receipt"]["known_at"]
        self.answered[current.number] = Answered(current.number, known_at, bodies, self.sql(tables.MERCHANT_SALES))

    def ask(self, merchant: str, **known: str) -> bytes:
        answer = self.api.get(f"/v1/merchants/{merchant}/metrics", params=QUERY | known)
        assert answer.status_code == 200, answer.text
        return answer.content

    def sql(self, view: str, where: str = "true") -> list[dict[str, Any]]:
        columns = ", ".join((*tables.GOLD_KEYS[tables.MERCHANT_SALES], *tables.GOLD_MEASURES[tables.MERCHANT_SALES]))
        return self.warehouse.trino.query(
            f"SELECT {columns}, release FROM lake.gold.{view} WHERE {where} ORDER BY merchant_id, slot, currency"
        )

    def await_release(self, number: int, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.api.get("/v1/status").json()["current_release"] == number:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"the API does not show release {number}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def walk(lake: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    embedded_stack.start(lake, ["insights"])
    # For the commands alone: with other settings, `up` would start the servers anew.
    lake.environment.update(LAKEHOUSE_RELEASES__VACUUM_MARGIN="PT0S", LAKEHOUSE_RELEASES__SILVER_WINDOW="PT0S")
    try:
        yield Walk(lake, tmp_path_factory.mktemp("project"))
    finally:
        lake.stop("insights")


def test_what_was_answered_once_is_answered_again(walk: Walk) -> None:
    steps = [*walk.each_once(), *(walk.at_random() for _ in range(STEPS))]
    old = walk.stack.kill("insights")
    walk.stack.await_restart("insights", old)
    walk.await_release(max(walk.answered))
    for release, answered in walk.answered.items():
        for merchant, body in answered.bodies.items():
            assert walk.ask(merchant, as_known_at=answered.known_at) == body, (release, steps)
            assert walk.ask(merchant, release=str(release)) == body, (release, steps)
        again = walk.sql(f"{tables.MERCHANT_SALES}{tables.BY_RELEASE_SUFFIX}", f"release = {release}")
        assert again == answered.in_sql, (release, steps)
