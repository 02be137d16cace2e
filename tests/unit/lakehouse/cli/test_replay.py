"""``lakehouse replay``: what it prints, what it keeps of rejected lines, and how it ends."""

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lakehouse.cli.replay import app
from lakehouse.errors import RefusedError
from tests.support.edge_server import Answer, accept, serve_edge


def replay(url: str, tmp_path: Path, content: bytes) -> tuple[Result, list[dict[str, Any]]]:
    file, rejects = tmp_path / "events.ndjson", tmp_path / "rejects.ndjson"
    file.write_bytes(content)
    arguments = [str(file), "--token", "t", "--edge", url, "--format", "json", "--rejects", str(rejects)]
    result = CliRunner().invoke(app, arguments)
    kept = rejects.read_bytes().splitlines() if rejects.exists() else []
    return result, [json.loads(line) for line in kept]


def summary(result: Result) -> dict[str, int]:
    found: dict[str, int] = json.loads(result.stdout)
    return found


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))


def test_a_line_that_the_edge_fails_at_is_kept_and_the_others_are_sent(tmp_path: Path) -> None:
    """An older edge answers 500 to the whole batch of an event that it cannot judge."""

    def fails_at_one(token: str, events: list[dict[str, Any]]) -> Answer:
        if any(event["id"] == "3" for event in events):
            return 500, {}, {"title": "The service failed"}
        return accept(token, events)

    with serve_edge(fails_at_one) as edge:
        result, kept = replay(edge.url, tmp_path, b"".join(b'{"id": "%d"}\n' % number for number in range(10)))
    assert result.exit_code == 1
    assert summary(result) == {"sent": 10, "accepted": 9, "rejected": 1, "retried": 0}
    assert [(row["line"], row["event"], row["reason"]) for row in kept] == [(4, {"id": "3"}, "refused")]
    assert "500 The service failed" in kept[0]["detail"]


def test_a_file_with_byte_order_marks_is_sent_whole(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    with serve_edge(accept) as edge:
        result, _ = replay(edge.url, tmp_path, mark + b'{"id": "1"}\r\n' + mark + b'{"id": "2"}\n' + mark)
    assert result.exit_code == 0
    assert summary(result)["accepted"] == 2
    assert {identity for _, identity in edge.taken} == {"1", "2"}


def test_rejected_lines_are_kept_as_they_were_written(tmp_path: Path) -> None:
    """Numbers to the last digit; what is no JSON, as bytes."""

    def rejects_all(_: str, events: list[dict[str, Any]]) -> Answer:
        return 400, {}, {"rejected": [{"index": i, "reason": "bad_time", "detail": "time"} for i in range(len(events))]}

    large = b'{"id": "1", "data": {"a": ' + b"7" * 4000 + b', "b": 1.10, "b": 1e400}}'
    deep = b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    with serve_edge(rejects_all) as edge:
        result, _ = replay(edge.url, tmp_path, large + b"\n{oops\n" + deep + b"\n")
    assert result.exit_code == 1
    rows = (tmp_path / "rejects.ndjson").read_bytes().splitlines()
    assert len(rows) == 3
    assert any(row.endswith(b'"event":' + large + b"}") for row in rows)
    assert {b"{oops", deep} == {base64.b64decode(json.loads(row)["body"]) for row in rows if b'"body"' in row}


@pytest.mark.parametrize(("status", "advice", "code"), [(401, "--token", 1), (403, "--token", 1), (404, "--edge", 2)])
def test_a_sender_that_is_refused_ends_with_advice(tmp_path: Path, status: int, advice: str, code: int) -> None:
    with serve_edge(lambda *_: (status, {}, {"title": "no"})) as edge:
        result, _ = replay(edge.url, tmp_path, b'{"id": "1"}')
    assert advice in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == code


@pytest.mark.parametrize("url", ["http://nowhere.invalid:1", "nowhere", "ftp://127.0.0.1", "http://127.0.0.1:x"])
def test_an_address_that_can_be_none_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    began = time.monotonic()
    result, _ = replay(url, tmp_path, b'{"id": "1"}')
    assert time.monotonic() - began < 60
    assert getattr(result.exception, "exit_code", None) == 2
    assert url in str(result.exception)
    assert "later" not in str(result.exception)


def test_where_nothing_listens_the_address_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_bytes(b'{"id": "1"}')
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        arguments = [str(tmp_path / "events.ndjson"), "--token", "t", "--edge", url, "--patience", "0"]
        result = CliRunner().invoke(app, arguments)
    assert getattr(result.exception, "exit_code", None) == 2
    assert url in str(result.exception)


@pytest.mark.parametrize("merchant", [".", ".."])
def test_dots_are_no_merchant(tmp_path: Path, merchant: str) -> None:
    (tmp_path / "events.ndjson").write_bytes(b'{"id": "1"}')
    with serve_edge(accept) as edge:
        arguments = [str(tmp_path / "events.ndjson"), "--merchant", merchant, "--edge", edge.url]
        result = CliRunner().invoke(app, arguments)
    assert "no merchant id" in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 1
    assert edge.requests == []


def test_rejects_that_cannot_be_written_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    asked: list[str] = []

    def note(token: str, events: list[dict[str, Any]]) -> Answer:
        asked.append(token)
        return accept(token, events)

    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"id": "1"}\n')
    with serve_edge(note) as edge:
        arguments = [str(file), "--token", "t", "--edge", edge.url, "--rejects", str(tmp_path / "nowhere" / "x")]
        result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, RefusedError)
    assert "--rejects" in str(result.exception)
    assert asked == []
