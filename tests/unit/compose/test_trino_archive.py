"""Of the server's archive only the server and one plugin are kept, hard links into other plugins included."""

import io
import tarfile
from pathlib import Path

from compose.local import trino_archive


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
        add(tar, "plugin/delta-lake/server.jar", link="lib/server.jar")
        add(tar, "plugin/delta-lake/hdfs/shared.jar", link="plugin/bigquery/shared.jar")
    trino_archive.unpack(archive)
    files = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {
        "lib/server.jar": b"server",
        "plugin/delta-lake/delta.jar": b"delta",
        "plugin/delta-lake/server.jar": b"server",
        "plugin/delta-lake/hdfs/shared.jar": b"shared",
    }
