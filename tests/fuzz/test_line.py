"""Whatever the edge has accepted, no later station fails on, and all of it is counted as it should be.

Random events of all that contract 1 allows go the whole way, on the real HDFS, Spark and Trino. ``make test`` plays one
round; ``make fuzz`` plays rounds with new seeds until its time is up (``SEED``, ``EVENTS``, ``MINUTES``).
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.errors import LakehouseError
from tests.fuzz import checks, culprit, halves
from tests.fuzz.culprit import Trials
from tests.fuzz.line import Line
from tests.fuzz.rounds import Round, play
from tests.fuzz.wanted import EVENTS, MINUTES, SEARCH, SEED
from tests.support.bronze_rows import Row

pytestmark = pytest.mark.stack


def seeds() -> Iterator[int]:
    """The first at least; then others, until the time is up."""
    started, seed = time.monotonic(), SEED
    yield seed
    while (passed := time.monotonic() - started) < 60 * MINUTES:
        print(f"seed {seed} went through; {passed / 60:.1f} of {MINUTES:g} minutes", flush=True)
        seed += 1
        yield seed


def failure(line: Line, played: Round) -> str | None:
    """What the first station says or does that fails on a round; None if all is well."""
    for delivery in played.deliveries:
        written = line.deliver(delivery)
        if written is None or written.commit.quarantined:
            return f"the streaming job refuses {[event[: culprit.LONGEST] for event in line.refused(delivery)[:3]]}"
        try:
            line.cycle()
        except LakehouseError as error:
            return with_the_culprit(line, played, str(error))
    different = checks.difference(line.trino, 1, played.rows)
    return with_the_culprit(line, played, different) if different else None


def with_the_culprit(line: Line, played: Round, words: str) -> str:
    trials, kind = Trials(line.settings), culprit.kind_of(words)

    def alike(rows: list[Row]) -> str | None:
        said = trials.failure(rows)
        return said if culprit.kind_of(said) == kind else None

    rows, said = halves.smallest(sorted(played.rows, key=culprit.by_what_they_share), alike, SEARCH)
    if said is None:
        return f"{words}\nA build of this round alone does not fail so: it takes the builds before it."
    return f"{words}\nThe smallest part that was found, of which is said: {said}\n{culprit.told(rows)}"


def test_what_the_edge_accepts_goes_through(line: Line, tmp_path: Path) -> None:
    for seed in seeds():
        try:
            played = play(seed, EVENTS, tmp_path)
            if (words := failure(line, played)) is not None:
                pytest.fail(words, pytrace=False)
            checks.bronze_has_it_all(line, played)
            checks.api_reads_it(line, played)
        except BaseException:
            print(f"This round alone: make fuzz SEED={seed} EVENTS={EVENTS} MINUTES=0")
            raise
