"""The story that the product exists for, on the real stack, while events keep arriving and processes are killed.

A wrong definition (refunds count twice) has run for weeks. It is mended; history is rebuilt beside it, the difference
is the planted money, the candidate is promoted, taken back and promoted again; and what was shown before is still shown
to whoever asks what was known then.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from compose.local.stack import SERVERS
from lakehouse.clients import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.ledger.prove import Prover
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.versions import Versions
from lakehouse.simulate.dataset import simulated
from lakehouse.transform import definition
from tests.datasets.shown import send, settle, under_prefix
from tests.integration.story import SEED, Money, Story, await_some, events_keep_arriving
from tests.support import embedded_stack
from tests.support.planted_bug import plant

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A stack whose first definition is wrong, with three weeks of history in it, shown."""
    stack = embedded_stack.create(tmp_path_factory.mktemp("story"))
    folder = tmp_path_factory.mktemp("files")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    history = simulated(seed=SEED, merchants=8, start=end - timedelta(days=21), end=end, visits_per_day=12.0)
    try:
        embedded_stack.start(stack, SERVERS)
        files, layout = HdfsFiles(stack.settings.hdfs_url), Layout(stack.settings.warehouse)
        Versions(files, layout).create(definition.freeze(files, layout, plant(folder)))
        embedded_stack.start(stack)
        made = Story(stack, under_prefix(history, "story-"), folder)
        send(stack, made.history, folder)
        settle(stack)
        yield made
    finally:
        embedded_stack.stop(stack)


def test_history_is_mended_and_nothing_that_was_shown_is_lost(story: Story) -> None:
    twice = {key: 2 * value for key, value in story.returns.items()}
    assert story.returns_shown() == twice
    monday = story.shown()
    known_on_monday = json.loads(next(iter(monday.values())))["receipt"]["known_at"]
    monday = story.shown(as_known_at=known_on_monday)

    with events_keep_arriving(story):
        candidate = reprocess_in_spite_of_kills(story)
        difference = json.loads(story.run("diff", str(candidate), "--format", "json", "--top", "1000"))
        assert returns_in(difference) == {key: -value for key, value in story.returns.items()}
        await_proof(story, candidate)
        promote_in_spite_of_a_kill(story, candidate)
        promoted = story.await_release_of(candidate)
        assert story.returns_shown() == story.returns == story.returns_in_sql()
        assert story.shown(as_known_at=known_on_monday) == monday

        story.run("rollback", "--reason", "is it really better?")
        story.await_release_of(1)
        assert story.returns_shown() == twice == story.returns_in_sql()
        story.run("promote", str(candidate), "--reason", "it is")
        again = story.await_release_of(candidate)
        assert again["current_release"] > promoted["current_release"]
        assert story.returns_shown() == story.returns
        assert story.shown(as_known_at=known_on_monday) == monday

    assert settle(story.stack)["balanced"]
    assert story.returns_shown() == story.returns == story.returns_in_sql()
    assert story.shown(as_known_at=known_on_monday) == monday
    kinds = Counter(row["kind"] for row in json.loads(story.run("release", "list", "--format", "json")))
    assert (kinds["promote"], kinds["rollback"]) == (2, 1)


def test_the_revisions_of_a_number_say_why(story: Story) -> None:
    """The number that moved most has been wrong, right, wrong and right."""
    (merchant, currency), _ = max(story.returns.items(), key=lambda item: item[1])
    body = json.loads(story.shown()[merchant])
    series = next(series for series in body["series"] if series["currency"] == currency)
    final = max(body["final_buckets"], 1)
    place = max(range(final), key=lambda number: series["values"][number] or 0)
    value = series["values"][place]
    wanted = {"metric": "returns", "grain": "day", "currency": currency, "start": body["starts"][place]}
    answer = story.api.get(f"/v1/merchants/{merchant}/revisions", params=wanted)
    assert answer.status_code == 200, answer.text
    told = [(one["value"], one["reason"]) for one in answer.json()["revisions"]]
    assert told == [
        (2 * value, "first_final"),
        (value, "new_definition"),
        (2 * value, "rollback"),
        (value, "new_definition"),
    ]


def reprocess_in_spite_of_kills(story: Story) -> int:
    """The command is killed twice and Trino once; the candidate's number is what the last run prints."""
    arguments = ("reprocess", "--from", "bronze", "--reason", "refunds were counted twice")
    story.run_and_kill(story.chance.uniform(6, 12), *arguments)
    story.run_and_kill(story.chance.uniform(6, 12), *arguments)
    old = story.stack.kill("trino")
    story.stack.await_restart("trino", old)
    number = int(story.run(*arguments).splitlines()[-1])
    assert number == 2, "a killed reprocess is taken up again, not begun anew"
    return number


def returns_in(difference: dict[str, Any]) -> Money:
    """What it says of returns, merchant by merchant, for those whose books we have."""
    found: Money = {}
    for merchant in difference["merchants"]:
        for change in merchant["changes"]:
            if change["metric"] == "returns" and merchant["merchant_id"].startswith("story-"):
                found[merchant["merchant_id"], change["currency"]] = change["change"]
    return found


def await_difference(story: Story, candidate: int) -> dict[str, Any]:
    """Once both versions have counted the same: the streaming service and the transform service see to that."""

    def compared() -> dict[str, Any] | None:
        done = story.stack.run("diff", str(candidate), "--format", "json", "--top", "1000")
        assert done.returncode == 0 or "no snapshots at the same bronze commits yet" in done.stderr, done.stderr
        return json.loads(done.stdout) if done.returncode == 0 else None

    return await_some(story, compared)


def await_proof(story: Story, candidate: int) -> None:
    """The service proves a candidate's ledger before anybody asks for its promote, which then need not read it all."""
    prover = Prover(story.stack.settings, HdfsFiles(story.stack.settings.hdfs_url))
    await_some(story, lambda: prover.proof(GoldVersionNumber(candidate)))


def promote_in_spite_of_a_kill(story: Story, candidate: int) -> None:
    story.run_and_kill(story.chance.uniform(1, 8), "promote", str(candidate))
    done = story.stack.run("promote", str(candidate))
    assert done.returncode == 0 or "readers see already" in done.stderr, done.stderr


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_raw_files_make_a_damaged_bronze_whole(story: Story) -> None:
    """Bronze has lost a data file: what it fed cannot be counted again from it, but from the raw files. What differs is
    what was wrong before (nothing, after the story above), and that can be seen while events keep arriving."""
    files, layout = HdfsFiles(story.stack.settings.hdfs_url), Layout(story.stack.settings.warehouse)
    before = story.api.get("/v1/status").json()
    was = story.returns_shown()
    wrong = {key: value - was[key] for key, value in story.returns.items() if value != was[key]}
    damaged = max(
        delta_log.commits_since(files, layout.bronze(FIRST_GENERATION), -1), key=lambda commit: len(commit.adds)
    )
    files.delete(f"{layout.bronze(FIRST_GENERATION)}/{unquote(damaged.adds[0].path)}")
    known = json.loads(next(iter(story.shown().values())))["receipt"]["known_at"]
    shown = story.shown(as_known_at=known)
    with events_keep_arriving(story, "later-"):
        number = int(story.run("reprocess", "--from", "raw", "--reason", "bronze is damaged").splitlines()[-1])
        difference = await_difference(story, number)
        assert returns_in(difference) == wrong, difference["verdict"]
        assert difference["equal"] == (not wrong)
        generations = [difference[side]["bronze"]["generation"] for side in ("before", "after")]
        assert generations == [1, 2]
        story.run("promote", str(number))
        assert story.await_release_of(number)["current_release"] > before["current_release"]
        assert story.returns_shown() == story.returns == story.returns_in_sql()
        story.run("rollback")
        story.await_release_of(before["gold_version"])
        story.run("promote", str(number))
        story.await_release_of(number)
        assert story.shown(as_known_at=known) == shown
    assert settle(story.stack)["balanced"]
    assert story.returns_shown() == story.returns == story.returns_in_sql()
    body = json.loads(next(iter(story.shown().values())))
    assert body["receipt"]["bronze"]["generation"] > 1
