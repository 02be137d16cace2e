"""The lock of the Java artifacts: what it says comes back, and no wrong file passes."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.local import artifacts
from compose.local.artifacts import Artifact, ArtifactError

WORD = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True)
ARTIFACT = st.builds(
    Artifact,
    configuration=st.sampled_from(artifacts.CONFIGURATIONS),
    organisation=WORD,
    module=WORD,
    revision=WORD,
    classifier=st.one_of(st.just(""), WORD),
    extension=st.sampled_from(["jar", "tar.gz"]),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@given(st.sets(ARTIFACT))
def test_a_lock_comes_back_as_it_was_written(files: set[Artifact]) -> None:
    found = artifacts.parse_lock(artifacts.render_lock(files))
    assert {artifact for some in found.values() for artifact in some} == files
    assert all(artifact.configuration == name for name, some in found.items() for artifact in some)


@given(st.sets(ARTIFACT, min_size=1), st.data())
def test_another_checksum_is_another_folder(files: set[Artifact], data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(sorted(files)))
    values = {**vars(changed), "sha256": "0" * 64}
    other = (files - {changed}) | {Artifact(**values)}
    assert (artifacts.fingerprint(files) == artifacts.fingerprint(other)) == (changed.sha256 == "0" * 64)


@pytest.mark.parametrize("line", ["kafka abc a:b:1:@jar", "kafka", "kafka " + "0" * 64 + " name.jar"])
def test_a_line_that_is_no_artifact_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ArtifactError, match="line 2"):
        artifacts.parse_lock(f"# heading\n{line}\n")


def test_the_committed_lock_covers_every_configuration() -> None:
    assert set(artifacts.read_lock()) == set(artifacts.CONFIGURATIONS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a-1.jar").write_bytes(b"right")
    return tmp_path


def artifact(content: bytes) -> Artifact:
    return Artifact("kafka", "org", "a", "1", "", "jar", hashlib.sha256(content).hexdigest())


def test_the_right_files_pass(folder: Path) -> None:
    artifacts.check(folder, [artifact(b"right")])


def test_another_content_is_refused(folder: Path) -> None:
    with pytest.raises(ArtifactError, match=r"a-1\.jar has another checksum"):
        artifacts.check(folder, [artifact(b"wrong")])


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "a-1.jar").unlink()
    with pytest.raises(ArtifactError, match=r"a-1\.jar is missing"):
        artifacts.check(folder, [artifact(b"right")])


def test_an_unknown_file_is_refused(folder: Path) -> None:
    (folder / "extra.jar").touch()
    with pytest.raises(ArtifactError, match=r"extra\.jar is unknown"):
        artifacts.check(folder, [artifact(b"right")])
