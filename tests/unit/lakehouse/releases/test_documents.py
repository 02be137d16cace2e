"""Documents that were written up to version 0.1.0 are read, here as they lie on HDFS."""

from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases import generations
from lakehouse.releases.documents import decode
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Release
from lakehouse.releases.versions import Versions
from tests.support import release_documents
from tests.support.release_documents import snapshot

LAYOUT = Layout("/w")
DEFINITION = '{"fingerprint":"' + "f" * 64 + '","git_commit":null}'
BRONZE = '{"generation":1,"delta_version":7}'


def former_release(reason: str, rest: str) -> str:
    return (
        f'{{"release":2,"parent":1,"reason":"{reason}","actor":"olga","snapshot":3,"gold_version":2,'
        f'"definition":{DEFINITION},"bronze":{BRONZE},'
        '"tables":{"gold.merchant_sales":{"schema":"gold_v2","location":"/t","delta_version":4}},'
        f'"complete_through":900,"catalogue":1,"tzdata":"2026b","nonce":"n"{rest}}}'
    )


@pytest.mark.parametrize(
    ("reason", "rest", "expected"),
    [
        (
            "promote",
            ',"why":"refunds: \\"order\\": twice","held":true,"order":"abc"',
            ("promote", 'refunds: "order": twice'),
        ),
        ("rollback", ',"why":null,"held":false,"order":null,"set_aside":1', ("rollback", None)),
        ("first", "", ("cycle", None)),
    ],
)
def test_a_former_release_is_read(reason: str, rest: str, expected: tuple[str, str | None]) -> None:
    found = decode(former_release(reason, rest).encode(), Release)
    assert (found.kind, found.reason) == expected
    assert (found.actor, found.tables["gold.merchant_sales"].delta_version, found.complete_through) == ("olga", 4, 900)
    assert (found.held, found.operation) == (("true" in rest), "abc" if "abc" in rest else None)


def test_the_log_goes_on_after_former_releases(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write(
        LAYOUT.release_manifest(ReleaseNumber(2)), former_release("promote", ',"why":"tax","order":null').encode()
    )
    log = ReleaseLog(files, LAYOUT)
    log.append(release_documents.release(3, snapshot(2, 4), reason="why: order"))
    found = [(one.release.kind, one.release.reason) for one in ReleaseLog(files, LAYOUT).refresh()]
    assert found == [("promote", "tax"), ("cycle", "why: order")]


def test_a_former_gold_version_and_its_drop_are_read(tmp_path: Path) -> None:
    files, versions = LocalFiles(tmp_path), Versions(LocalFiles(tmp_path), LAYOUT)
    plan = f'{{"source":"bronze","bronze":{BRONZE},"base":null,"actor":"olga","why":"tax","since":null,"order":"abc"}}'
    version = f'{{"version":2,"definition":{DEFINITION},"created_at":5,"nonce":"n","plan":{plan}}}'
    files.write(LAYOUT.gold_version_manifest(GoldVersionNumber(2)), version.encode())
    drop = b'{"gold_version":2,"actor":"omar","why":"wrong again","dropped_at":6,"nonce":"n","order":"def"}'
    files.write(LAYOUT.gold_version_drop(GoldVersionNumber(2)), drop)
    planned, dropped = versions.get(GoldVersionNumber(2)).plan, versions.drop_of(GoldVersionNumber(2))
    assert planned is not None
    assert (planned.actor, planned.reason, planned.operation) == ("olga", "tax", "abc")
    assert dropped is not None
    assert (dropped.actor, dropped.reason, dropped.operation) == ("omar", "wrong again", "def")


def test_a_former_retirement_is_read(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write(
        LAYOUT.bronze_retired(GenerationNumber(2)), b'{"generation":2,"actor":"ana","why":"damaged","at":1,"nonce":"n"}'
    )
    found = generations.retirement(files, LAYOUT, GenerationNumber(2))
    assert found is not None
    assert (found.actor, found.reason) == ("ana", "damaged")
