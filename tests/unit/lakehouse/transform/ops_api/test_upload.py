"""Definitions that operators upload: one has the name that a checkout has, and a bad archive leaves nothing."""

import io
import tarfile
from collections.abc import Callable

import pytest

from lakehouse.releases.model import Definition
from lakehouse.transform import definition
from lakehouse.transform.ops_api import upload
from tests.support.logged_warehouse import LAYOUT
from tests.support.ops_client import OpsApi, problem


def archive(files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            change(member)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_definition_has_the_fingerprint_that_a_checkout_has(ops_api: OpsApi) -> None:
    files = {f"./{name}": content for name, content in definition.project_files(definition.PROJECT).items()}
    body = archive(files | {"./target/run.json": b"{}"})
    answer = ops_api.client.post("/v1/ops/definitions", content=body, headers=ops_api.bearer())
    assert answer.status_code == 201
    name = answer.json()["fingerprint"]
    assert name == definition.fingerprint(definition.PROJECT)
    project = definition.thaw(ops_api.files, LAYOUT, Definition(name), ops_api.settings.home_path)
    assert definition.project_files(project) == definition.project_files(definition.PROJECT)
    again = ops_api.client.post("/v1/ops/definitions", content=body, headers=ops_api.bearer())
    assert again.json() == {"fingerprint": name}


NEEDED = {"dbt_project.yml": b"name: x", "profiles.yml": b"x:", "models/a.sql": b"SELECT 1"}


def as_link(member: tarfile.TarInfo) -> None:
    if member.name.startswith("models/"):
        member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0


@pytest.mark.parametrize(
    "body",
    [
        *[archive({name: content for name, content in NEEDED.items() if name != missing}) for missing in NEEDED],
        archive(NEEDED | {"../outside.sql": b"x"}),
        archive(NEEDED | {"/outside.sql": b"x"}),
        archive(NEEDED | {"models/a.sql/b.sql": b"x"}),
        archive(NEEDED | {"./models/a.sql": b"x"}),
        archive(NEEDED, as_link),
        archive(NEEDED)[:700],
        b"",
        b"no archive",
    ],
)
def test_a_bad_archive_is_refused(ops_api: OpsApi, body: bytes) -> None:
    answer = ops_api.client.post("/v1/ops/definitions", content=body, headers=ops_api.bearer())
    assert problem(answer)[0] == 400
    assert ops_api.files.list(LAYOUT.definitions) == []


def test_an_archive_is_limited(ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_FILES", 3)
    many = archive(NEEDED | {f"models/{number}.sql": b"" for number in range(3)})
    assert problem(ops_api.client.post("/v1/ops/definitions", content=many, headers=ops_api.bearer()))[0] == 413
    large = bytes(upload.MOST_BYTES + 1)
    assert problem(ops_api.client.post("/v1/ops/definitions", content=large, headers=ops_api.bearer()))[0] == 413
