"""An edge that cannot keep events, or whose clock is wrong, says so; what it has kept needs no Kafka to be shipped."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from lakehouse.clients.files import LocalFiles
from tests.support.running_edge import event, post, problem, serve, settings_of
from tests.support.valid_events import encode


def test_without_kafka_and_without_the_disk_it_is_503(tmp_path: Path) -> None:
    for edge in serve(settings_of(tmp_path, allow_disk_durability=False), LocalFiles(tmp_path / "hdfs")):
        response = post(edge, encode([event()]))
        problem(response, 503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert edge.client.get(f"{edge.settings.edge_url}/readyz").status_code == 503
        assert edge.client.get(f"{edge.settings.edge_url}/healthz").status_code == 200
        assert not list((tmp_path / "edge").glob("*/*/accepted/*.ndjson"))


def test_an_edge_whose_clock_is_off_is_not_ready(tmp_path: Path) -> None:
    class Slow(LocalFiles):
        """A file system whose clock is an hour behind."""

        def stat(self, path: str) -> Any:
            found = super().stat(path)
            return type(found)(found.path, found.is_folder, found.size, found.modified_at - 3_600_000)

    for edge in serve(settings_of(tmp_path), Slow(tmp_path / "hdfs")):
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while edge.client.get(f"{edge.settings.edge_url}/readyz").status_code != 503:
            assert datetime.now(UTC) < deadline
        assert "clock" in problem(post(edge, encode([event()])), 503, "unavailable")["detail"]


def test_an_edge_with_another_key_for_personal_ids_takes_nothing(tmp_path: Path) -> None:
    """One that has lost its keys, or an edge on another host that was not given them."""
    files = LocalFiles(tmp_path / "hdfs")

    def answers(home: Path, wanted: int) -> dict[str, Any]:
        for edge in serve(settings_of(home), files):
            deadline = datetime.now(UTC) + timedelta(seconds=20)
            while not (tmp_path / "hdfs/lakehouse/personal_key.sha256").exists() or (
                edge.client.get(f"{edge.settings.edge_url}/readyz").status_code != wanted
            ):
                assert datetime.now(UTC) < deadline
            answer = post(edge, encode([event()]))
            assert answer.status_code == (202 if wanted == 200 else wanted)
            return dict(answer.json())
        raise AssertionError

    answers(tmp_path / "one", 200)
    assert "another key" in answers(tmp_path / "two", 503)["detail"]
    (tmp_path / "two/keys/personal_ids.key").write_bytes((tmp_path / "one/keys/personal_ids.key").read_bytes())
    answers(tmp_path / "two", 200)


def test_segments_become_raw_files_and_wait_for_kafka(tmp_path: Path) -> None:
    """Shipped at their age; kept on disk, because Kafka does not have them."""
    files = LocalFiles(tmp_path / "hdfs")
    for edge in serve(settings_of(tmp_path, segment_max_age=timedelta(seconds=0.1)), files):
        receipt = post(edge, encode([event(0), event(1)])).json()["receipt"]
        pattern = f"*/{receipt['segment']}.manifest.json"
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while not list((tmp_path / "hdfs/lakehouse/raw").glob(pattern)):
            assert datetime.now(UTC) < deadline
        manifest = json.loads(next((tmp_path / "hdfs/lakehouse/raw").glob(pattern)).read_text())
        assert (manifest["first"], manifest["last"], manifest["count"]) == (0, 1, 2)
        raw = next((tmp_path / "hdfs/lakehouse/raw").glob(f"*/{receipt['segment']}.ndjson.zst")).read_bytes()
        local = next((tmp_path / "edge").glob(f"*/*/accepted/{receipt['segment']}.ndjson")).read_bytes()
        assert zstandard.ZstdDecompressor().decompress(raw) == local
