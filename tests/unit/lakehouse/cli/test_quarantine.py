"""``lakehouse quarantine``: what it prints, what it asks, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lakehouse.cli import quarantine
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.quarantine.reading import Quarantine
from tests.support.edge_server import Answer, accept, serve_edge
from tests.support.quarantine_world import QuarantineWorld, kept, order, rejected, released, sent, uncounted

BODY = sent(order(1, "brl"))
NAME = kept(rejected(BODY)).refused.name
UPPER = ".data.currency |= ascii_upcase"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuarantineWorld:
    made = QuarantineWorld([rejected(BODY)])
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    files = released(tmp_path / "hdfs")
    monkeypatch.setattr(quarantine, "_open", lambda: made.quarantine(files))
    return made


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(quarantine.app, list(arguments), input=answer)


def replay(monkeypatch: pytest.MonkeyPatch, *arguments: str, answer: Any = accept) -> tuple[Result, int]:
    """And how many events the edge was asked to take."""
    with serve_edge(answer) as edge:
        monkeypatch.setenv("LAKEHOUSE_AT__EDGE", edge.url.removeprefix("http://"))
        result = run("replay", *arguments)
    return result, sum(edge.requests)


def test_the_list_for_programs(world: QuarantineWorld) -> None:
    document = json.loads(run("list", "--format", "json").stdout)
    assert document["total"] == 1
    assert document["by_reason"] == [{"station": "edge", "reason": "unknown_currency", "entries": 1}]
    assert document["by_merchant"] == [{"merchant_id": "shop-1", "entries": 1}]
    assert document["by_hour"] == [{"hour": "2026-11-23T10:00:00Z", "entries": 1}]
    assert document["entries"] == [
        {
            "entry": NAME,
            "at": "2026-11-23T10:05:01.123000Z",
            "station": "edge",
            "merchant_id": "shop-1",
            "reason": "unknown_currency",
            "detail": "data.currency",
            "id": "e1",
            "edge": "edge-1",
            "bytes": len(BODY),
            "replays": None,
        }
    ]
    (entry,) = json.loads(run("list", "--replays", "--format", "json").stdout)["entries"]
    assert entry["replays"] == []


def test_the_list_for_people(world: QuarantineWorld) -> None:
    world.replays = [(NAME, "edge-1/aa-1/5")]
    assert "1x" in run("list", "--replays").stdout
    told = run("list").stdout
    assert NAME in told
    assert "replayed" not in told
    world.bronze = []
    assert run("list").stdout == "Nothing was refused.\n"
    assert run("list", "--reason", "nosuch").stdout == "Nothing that was refused meets these conditions.\n"


def test_an_entry_with_its_bytes(world: QuarantineWorld) -> None:
    document = json.loads(run("show", NAME, "--format", "json").stdout)
    assert json.loads(document["text"]) == order(1, "brl")
    assert document["deliveries"] == [{"topic": "rejected", "partition": 0, "offset": 7}]
    assert run("show", NAME).stdout.endswith(BODY.decode() + "\n")


def test_what_counts_in_the_place_of_a_conflict(world: QuarantineWorld) -> None:
    world.silver = [uncounted(3, {})]
    alike = {name: 1 for column in ("type", "time", "data") for name in (column, f"copy_{column}")}
    world.counted = alike | {"edge": "edge-1", "segment": "aa-0", "seq": 2, "copy_data": 2}
    assert "edge-1/aa-0/2, which differs in data" in run("show", "edge-1/aa-0/3").stdout


def test_bytes_cannot_speak_to_a_terminal(world: QuarantineWorld) -> None:
    world.bronze = [rejected(b"\x1b[2J", detail="\x1b]0;x\x07")]
    name = kept(world.bronze[0]).refused.name
    assert "\x1b" not in run("show", name).stdout + run("list").stdout
    world.bronze = [rejected(b"\xff\xfe")]
    assert "2 bytes that are no text" in run("show", kept(world.bronze[0]).refused.name).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nothing"),
        ("show", "edge-1/aa-0/9"),
        ("list", "--since", "yesterday"),
        ("replay",),
        ("replay", "nothing"),
        ("replay", "edge-1/aa-0/9"),
        ("replay", NAME, "reason=bad_time"),
        ("replay", "--where", "reasn=bad_time"),
        ("replay", NAME, "--mend", "nonsense("),
    ],
)
def test_what_is_refused_exits_1(world: QuarantineWorld, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, RefusedError)
    assert done.exception.exit_code == 1


def test_what_cannot_be_asked_exits_2(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise NotReadyError("Trino does not answer")

    monkeypatch.setattr(Quarantine, "counts", away)
    done = run("list")
    assert getattr(done.exception, "exit_code", None) == 2


def test_an_edge_that_stays_away_exits_2(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_AT__EDGE", "127.0.0.1:9")
    done = run("replay", NAME, "--patience", "0")
    assert getattr(done.exception, "exit_code", None) == 2


def test_a_mended_entry_is_previewed_and_sent(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked = replay(monkeypatch, "--where", "reason=unknown_currency", "merchant=shop-1", "--mend", UPPER)
    assert (done.exit_code, asked) == (0, 1)
    assert "of shop-1 order.placed BRL: events 1, orders 1, units 2, gross_sales 100" in done.stderr
    assert done.stdout == "accepted 1, rejected 0, retried 0\n"


def test_a_dry_run_sends_nothing(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked = replay(monkeypatch, NAME, "--mend", UPPER, "--dry-run", "--format", "json")
    assert (done.exit_code, asked) == (0, 0)
    document = json.loads(done.stdout)
    assert (document["verb"], document["dry_run"], document["events"]) == ("quarantine replay", True, 1)
    (preview,) = document["preview"]
    assert (preview["merchant_id"], preview["currency"], preview["gross_sales"]) == ("shop-1", "BRL", 100)


def test_what_is_rejected_again_exits_1(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str, events: list[dict[str, Any]]) -> Answer:
        return 400, {}, {"rejected": [{"index": 0, "reason": "unknown_currency", "detail": "data.currency"}]}

    done, _ = replay(monkeypatch, NAME, "--format", "json", answer=refuse)
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert (document["accepted"], document["rejected"]) == (0, 1)
    assert document["rejections"] == [{"entry": NAME, "reason": "unknown_currency", "detail": "data.currency"}]


def test_what_cannot_be_sent_exits_1(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bronze = [rejected(b"\xff"), rejected(BODY)]
    done, asked = replay(monkeypatch, "--where", "merchant=shop-1", "--format", "json")
    assert (done.exit_code, asked) == (1, 1)
    assert json.loads(done.stdout)["unsendable"] == 1


def test_at_a_terminal_it_asks(world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_is_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    done, asked = replay(monkeypatch, NAME)
    assert (str(done.exception), asked) == ("nothing was sent", 0)
    done, asked = replay(monkeypatch, NAME, "--yes")
    assert (done.exit_code, asked) == (0, 1)
