"""The benchmark of the edge: what is sent, and to which part a sample of its stack belongs."""

import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from prometheus_client import generate_latest

from bench.course import Course
from bench.ingestion import load, outage, profile, sender, syncs
from bench.ingestion import report as report_of_ingestion
from bench.ingestion.far_end import events_in
from bench.ingestion.peers import apache_camel
from bench.ingestion.syncs import Turn
from bench.report import Report, Table
from compose.local import artifacts, fetch
from compose.local.artifacts import ArtifactError
from ingestion.telemetry import EdgeMetrics
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Watermark
from lakehouse.settings import Settings


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> load.Load:
    home = tmp_path_factory.mktemp("load")
    return load.write(Settings(home=home), home, (1, 50), tokens=3)


def bodies(file: Path) -> list[tuple[int, bytes]]:
    found = []
    with file.open("rb") as stream:
        while head := stream.readline():
            events, size = map(int, head.split())
            found.append((events, stream.read(size).partition(b"\r\n\r\n")[2]))
    return found


@pytest.mark.parametrize("size", [1, 50])
def test_a_request_has_the_events_that_it_says_and_none_comes_twice(sent: load.Load, size: int) -> None:
    found = [(count, msgspec.json.decode(body)) for count, body in bodies(sent.requests[size])]
    assert all(count == size == len(events) for count, events in found)
    ids = [(event["source"], event["id"]) for _, events in found for event in events]
    assert len(ids) == len(set(ids)) == load.DISTINCT_EVENTS


def test_kafkas_tool_gets_the_same_events(sent: load.Load) -> None:
    lines = sent.payload.read_bytes().split(b"\n")
    assert len(lines) == load.DISTINCT_EVENTS
    assert b"[" + lines[0] + b"]" == bodies(sent.requests[1])[0][1]


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ("run (/x/uvicorn/server.py:60);run (/x/asyncio/runners.py:118)", "HTTP"),
        ("run (/x/uvicorn/server.py:60);_post (/r/ingestion/events_route.py:50)", "HTTP"),
        ("_post (/r/ingestion/events_route.py:50);verify (/r/lakehouse/tokens/verify.py:61)", "token"),
        ("_post (/r/ingestion/events_route.py:50);_read (/r/ingestion/fast_decode.py:66)", "JSON"),
        ("accept (/r/ingestion/edge.py:90);append (/r/ingestion/segment_log.py:60)", "log"),
        (
            "_run (/r/ingestion/kafka_sender.py:9);send (/x/kafka/producer/kafka.py:700);acquire (/x/threading.py:1)",
            "Kafka",
        ),
        ("main (/x/threading.py:1)", profile.OTHER),
    ],
)
def test_a_sample_belongs_to_the_innermost_part(stack: str, part: str) -> None:
    assert profile.shares(f"{stack} 7\n") == {part: 1.0}


@pytest.mark.parametrize("wait", ["Condition.wait (/x/threading.py:331)", "EpollSelector.select (/x/selectors.py:468)"])
def test_a_thread_that_waits_takes_no_cpu(wait: str) -> None:
    busy, idle = "_post (/r/ingestion/events_route.py:50)", f"_run (/r/lakehouse/tokens/exchange.py:9);{wait}"
    assert profile.shares(f"{busy} 1\n{idle} 9\n") == {"HTTP": 1.0}


def test_events_are_counted_in_frames_each_edge_by_itself() -> None:
    event = AcceptedEvent("e", "web", "page.viewed", 1, "{}")
    lines = [AcceptedBatch(edge, "s-0", 0, 1, "m", [event] * count) for edge, count in (("a", 2), ("b", 3), ("a", 4))]
    frame = b"\n".join(map(msgspec.json.encode, lines))
    assert (events_in(frame, "a"), events_in(frame, "b"), events_in(frame, "c")) == (6, 3, 0)
    assert events_in(msgspec.json.encode(Watermark("a", "i", 0, 1)), "a") == 0


def test_what_is_no_answer_of_contract_1_is_broken() -> None:
    statuses = {"202": 5, "429": 1, "503": 2, "500": 3, "connection lost": 4}
    outcome = sender.Outcome(1.0, 15, 0, statuses, 5, 0, 3, [1.0, 2.0, 3.0, 4.0])
    assert (outcome.refused, outcome.broken) == (3, {"500": 3, "connection lost": 4})


def turn(syncs: float, requests: float) -> Turn:
    return Turn(1000.0, (5.0, 9.0), syncs, requests, syncs * 0.002)


def test_a_sync_is_shared_by_those_that_it_has_answered() -> None:
    turns = {64: {"kafka": [turn(0, 0)] * 3, "disk": [turn(100, 1000), turn(100, 3000), turn(100, 2000)]}}
    assert syncs.table(turns).rows == [
        ("64", "kafka", "1,000", "5", "9", "-", "-"),
        ("64", "disk", "1,000", "5", "9", "2", "20"),
    ]


def test_the_edge_says_what_the_table_of_syncs_is_made_of() -> None:
    metrics = EdgeMetrics()
    for requests in (1, 7):
        metrics.synced(requests, 0.25)
    assert syncs.read(generate_latest(metrics.registry).decode()) == (2, 8, 0.5)


def test_an_outage_shows_all_samples_and_counts_those_that_have_settled() -> None:
    phases = {phase: [(at + 10.0 * number, at << 20) for at in range(8)] for number, phase in enumerate(outage.PHASES)}
    found = outage.Found(phases, sender.Outcome(1.0, 1, 0, {"202": 1}, 50, 1, 0, [1.0] * 4), 50)
    assert [size >> 20 for size in found.resident(outage.AWAY)] == [2, 3, 4, 5, 6, 7]
    report = outage._report(found, 30)
    assert report.course is not None
    assert len(report.course.points) == 24
    assert [(span.name, span.start, span.end) for span in report.course.spans] == [(outage.AWAY, 10.0, 17.0)]
    assert [bar.kept for bar in report.bars] == [True, False]


def test_a_report_has_its_tables_and_the_picture_of_its_course(tmp_path: Path) -> None:
    course = Course("memory", "MiB", [(0, 1), (9, 2)], [])
    report = Report("n", "A report", "How.", tables=[Table("Side by side", ("a", "b"), [("1", "2")])], course=course)
    page = report.write(tmp_path).read_text()
    assert "## Side by side\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n" in page
    assert "![The course of it](n.svg)" in page
    assert "<polyline" in (tmp_path / "n.svg").read_text()


def test_camels_lock_has_what_its_ivy_file_asks_for_and_no_module_twice() -> None:
    files = artifacts.read_lock(apache_camel.LOCK_FILE)[apache_camel.CONFIGURATION]
    modules = [file.module for file in files]
    wanted = {module.get("name") for module in ElementTree.parse(apache_camel.IVY_FILE).iter("dependency")}
    assert wanted <= set(modules)
    assert len(modules) == len(set(modules))


def test_camels_route_asks_for_acks_of_all_and_reads_what_it_is_given() -> None:
    route = apache_camel.ROUTES.read_text()
    assert "requestRequiredAcks: all\n" in route
    assert set(re.findall(r"\{\{env:(\w+)", route)) == set(apache_camel.environment("host:1", "host:2", "topic"))


def test_without_camel_the_others_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Path:
        raise ArtifactError("no repository")

    monkeypatch.setattr(fetch, "ensure_one", fails)
    said: list[str] = []
    assert report_of_ingestion.camel(tmp_path, said.append) is None
    assert said == ["without Camel: no repository"]
