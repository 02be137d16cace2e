"""The story that the product exists for, on the real stack, while events keep arriving and processes are killed.

A wrong definition (refunds count twice) has run for weeks. It is mended; history is rebuilt beside it, the difference
is the planted money, the candidate is promoted, taken back and promoted again; and what was shown before is still shown
to whoever asks what was known then.
"""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from compose.local.stack import SERVERS
from lakehouse import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.ledger.prove import Prover
from lakehouse.releases import definition
from lakehouse.releases.versions import Versions
from lakehouse.simulate.dataset import Dataset, simulated, write_ndjson
from lakehouse.simulate.truth import total
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests import embedded_stack
from tests.datasets.shown import send, settle, under_prefix
from tests.embedded_stack import EmbeddedStack
from tests.integration.planted_bug import plant

pytestmark = pytest.mark.stack

SEED = 20261124
Money = dict[tuple[str, str], int]
"""Minor units by merchant and currency."""


class Story:
    """The stack, what its merchants did, and what its operator does."""

    def __init__(self, stack: EmbeddedStack, history: Dataset, folder: Path) -> None:
        self.stack = stack
        self.history = history
        self.folder = folder
        self.chance = random.Random(SEED)
        token = issue(stack.settings, "story", [Scope.INSIGHTS_READ_ANY])
        self.api = httpx.Client(
            base_url=stack.settings.insights_url,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )

    @property
    def returns(self) -> Money:
        """What the shops took back, by their own books."""
        return {key: sums["returns"] for key, sums in total(self.history.truth).items() if sums["returns"]}

    def shown(self, **known: str) -> dict[str, bytes]:
        """The body of every merchant's returns by day, as the API answers it."""
        merchants = sorted({cell.merchant_id for cell in self.history.truth})
        return {merchant: self._body(merchant, known) for merchant in merchants}

    def _body(self, merchant: str, known: dict[str, str]) -> bytes:
        months = sorted(cell.month for cell in self.history.truth)
        span = {"from": f"{months[0]}-01", "to": (datetime.now(UTC) + timedelta(days=1)).date().isoformat()}
        wanted = {"metrics": "returns", "grain": "day", **span, **known}
        answer = self.api.get(f"/v1/merchants/{merchant}/metrics", params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.content

    def returns_shown(self, **known: str) -> Money:
        found: Money = {}
        for merchant, body in self.shown(**known).items():
            for series in json.loads(body)["series"]:
                found[merchant, series["currency"]] = sum(value or 0 for value in series["values"])
        return {key: value for key, value in found.items() if value}

    def returns_in_sql(self) -> Money:
        rows = Trino.of(self.stack.settings, read_only=True).query(
            "SELECT merchant_id, currency, sum(returns) AS n FROM lake.gold.merchant_sales "
            "WHERE merchant_id LIKE 'story-%' GROUP BY 1, 2"
        )
        return {(row["merchant_id"], row["currency"]): int(row["n"]) for row in rows if row["n"]}

    def run(self, *arguments: str, timeout: float = 900) -> str:
        """A verb that must succeed; what it printed."""
        done = self.stack.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"{arguments}: {done.stderr}\n{self.stack.log_tails()}"
        return done.stdout

    def run_and_kill(self, seconds: float, *arguments: str) -> None:
        """A verb that is killed after so many seconds, if it has not ended by then."""
        process = subprocess.Popen(
            [str(self.stack.lakehouse), *arguments],
            env=self.stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def await_release_of(self, gold_version: int, seconds: float = 30) -> dict[str, Any]:
        """Until the API shows that version; its status then."""
        deadline = time.monotonic() + seconds
        while (status := self.api.get("/v1/status").json())["gold_version"] != gold_version:
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        return dict(status)


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


@contextmanager
def events_keep_arriving(story: Story, prefix: str = "tail-") -> Iterator[None]:
    """Other merchants go on sending, at a modest rate, until the block ends."""
    now = datetime.now(UTC)
    tail = under_prefix(
        simulated(seed=SEED + 1, merchants=4, start=now - timedelta(days=3), end=now, visits_per_day=1500.0), prefix
    )
    file = story.folder / f"{prefix}.ndjson"
    write_ndjson(tail, file)
    command = [str(story.stack.lakehouse), "replay", str(file), "--rate", "20", "--batch", "20"]
    process = subprocess.Popen(
        command,
        env=story.stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None, "the sending ended before the story did"
    finally:
        process.kill()
        process.wait()


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
    reasons = Counter(row["reason"] for row in json.loads(story.run("release", "list", "--format", "json")))
    assert (reasons["first"], reasons["promote"], reasons["rollback"]) == (1, 2, 1)


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


def await_difference(story: Story, candidate: int, seconds: float = 180) -> dict[str, Any]:
    """Once both versions have counted the same: the streaming service and the transform service see to that."""
    deadline = time.monotonic() + seconds
    while (done := story.stack.run("diff", str(candidate), "--format", "json", "--top", "1000")).returncode != 0:
        assert "no snapshots at the same bronze commits yet" in done.stderr, done.stderr
        assert time.monotonic() < deadline, story.stack.log_tails()
        time.sleep(1)
    return dict(json.loads(done.stdout))


def await_proof(story: Story, candidate: int, seconds: float = 180) -> None:
    """The service proves a candidate's ledger before anybody asks for its promote, which then need not read it all."""
    prover = Prover(story.stack.settings, HdfsFiles(story.stack.settings.hdfs_url))
    deadline = time.monotonic() + seconds
    while prover.proof(candidate) is None:
        assert time.monotonic() < deadline, story.stack.log_tails()
        time.sleep(0.5)


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
    damaged = max(delta_log.commits_since(files, layout.bronze(1), -1), key=lambda commit: len(commit.adds))
    files.delete(f"{layout.bronze(1)}/{unquote(damaged.adds[0].path)}")
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
