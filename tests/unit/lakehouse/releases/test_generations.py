"""Which bronze generations are fed: from the end of their raw build until they are retired."""

from pathlib import Path

import msgspec
import pytest

from lakehouse.clients.files import LocalFiles, publish
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases import generations
from lakehouse.releases.generations import FIRST_GENERATION, Streamed
from lakehouse.settings import Settings
from lakehouse.transform.backfill import raw_build_process

LAYOUT = Layout("/lakehouse")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def complete(files: LocalFiles, generation: int) -> None:
    document = Streamed(GenerationNumber(generation), 7, 100, {"ab": [(0, 3)]}, 1, "n")
    publish(files, LAYOUT.staging, LAYOUT.bronze_streamed(GenerationNumber(generation)), msgspec.json.encode(document))


def test_the_first_is_fed_before_anything_is_there(files: LocalFiles) -> None:
    assert generations.active(files, LAYOUT) == [1]
    assert generations.is_complete(files, LAYOUT, FIRST_GENERATION)


def test_each_number_is_given_once(files: LocalFiles) -> None:
    files.write(f"{LAYOUT.bronze(FIRST_GENERATION)}/x", b"")
    assert [generations.next_generation(files, LAYOUT) for _ in range(3)] == [2, 3, 4]


def test_a_generation_is_fed_from_the_end_of_its_build_until_it_is_retired(files: LocalFiles) -> None:
    number = generations.next_generation(files, LAYOUT)
    assert not generations.is_complete(files, LAYOUT, number)
    assert generations.active(files, LAYOUT) == [1]
    complete(files, number)
    made = generations.streamed(files, LAYOUT, number)
    assert made is not None
    assert (made.cursor.generation, made.cursor.delta_version, made.segments) == (2, 7, {"ab": [(0, 3)]})
    assert generations.active(files, LAYOUT) == [1, 2]
    for _ in range(2):
        generations.retire(files, LAYOUT, FIRST_GENERATION, "ana", "damaged")
    assert generations.active(files, LAYOUT) == [2]
    assert generations.complete(files, LAYOUT) == [1, 2]
    retired = generations.retirement(files, LAYOUT, FIRST_GENERATION)
    assert retired is not None
    assert (retired.actor, retired.reason) == ("ana", "damaged")


def test_the_build_runs_with_the_stacks_own_java_and_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/elsewhere")
    environment = raw_build_process.rebuild_environment(Settings(home=tmp_path))
    assert environment["JAVA_HOME"] == str(tmp_path / "run" / "java-home")
    assert environment["HADOOP_USER_NAME"]
    assert raw_build_process.rebuild_command(GenerationNumber(3))[1:] == [
        "-m",
        "streaming.raw_files_to_bronze",
        "--generation",
        "3",
    ]
