"""Of the server's archive only the server and the plugins that we use are kept, with what they hard link to."""

import io
import tarfile
from pathlib import Path

import pytest

from compose.local import artifacts, fetch, trino_archive


def add(tar: tarfile.TarFile, name: str, content: bytes | None = None, link: str | None = None) -> None:
    member = tarfile.TarInfo(f"trino-server-1/{name}")
    if link is not None:
        member.type, member.linkname = tarfile.LNKTYPE, f"trino-server-1/{link}"
        tar.addfile(member)
    else:
        member.size = len(content or b"")
        tar.addfile(member, io.BytesIO(content or b""))


def test_unpacks_what_is_wanted_and_removes_the_archive(tmp_path: Path) -> None:
    archive = tmp_path / "trino-server-1.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        add(tar, "bin/launcher", b"launcher")
        add(tar, "lib/server.jar", b"server")
        add(tar, "plugin/bigquery/shared.jar", b"shared")
        add(tar, "plugin/bigquery/own.jar", b"own")
        add(tar, "plugin/delta-lake/delta.jar", b"delta")
        add(tar, "plugin/resource-group-managers/shared.jar", link="plugin/bigquery/shared.jar")
        add(tar, "plugin/resource-group-managers-of-another/own.jar", b"another")
        add(tar, "plugin/delta-lake/server.jar", link="lib/server.jar")
        add(tar, "plugin/delta-lake/hdfs/shared.jar", link="plugin/bigquery/shared.jar")
    trino_archive.unpack(archive)
    files = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {
        "lib/server.jar": b"server",
        "plugin/delta-lake/delta.jar": b"delta",
        "plugin/delta-lake/server.jar": b"server",
        "plugin/delta-lake/hdfs/shared.jar": b"shared",
        "plugin/resource-group-managers/shared.jar": b"shared",
    }


def test_a_machine_that_kept_less_of_the_archive_fetches_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Path] = []
    lock = artifacts.read_lock()["trino"]

    def make(folder: Path, *_: object) -> None:
        folder.mkdir(parents=True)
        fetched.append(folder)

    def ask() -> Path:
        return fetch.ensure_one(tmp_path, "trino", lock, print)

    monkeypatch.setattr(fetch, "_fetch", make)
    assert ask() == ask()
    monkeypatch.setattr(trino_archive, "WANTED", (*trino_archive.WANTED, "plugin/memory/"))
    assert ask() == fetched[-1]
    assert len(set(fetched)) == len(fetched) == 2
