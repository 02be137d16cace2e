"""The benchmark of the edge: what is sent, and to which part a sample of its stack belongs."""

from pathlib import Path

import msgspec
import pytest

from bench.ingestion import load, profile, sender
from bench.ingestion.far_end import events_in
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
