"""The release log: current is the highest number, a taken number is refused, the past is found by its instant."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError, RefusedError
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Release
from tests.support import release_documents
from tests.support.release_documents import snapshot

LAYOUT = Layout("/lakehouse")


def release(number: int, version: int = 1) -> Release:
    return release_documents.release(number, snapshot(version, number))


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def test_an_empty_log_has_no_current_release(files: LocalFiles) -> None:
    log = ReleaseLog(files, LAYOUT)
    assert log.current() is None
    with pytest.raises(NotFoundError):
        log.as_known_at(datetime.now(UTC))


def test_releases_are_numbered_and_their_stamps_increase(files: LocalFiles) -> None:
    log = ReleaseLog(files, LAYOUT)
    published = [log.append(release(number)) for number in range(1, 6)]
    stamps = [p.released_at for p in published]
    assert [p.number for p in ReleaseLog(files, LAYOUT).refresh()] == [1, 2, 3, 4, 5]
    assert all(earlier < later for earlier, later in pairwise(stamps))


def test_an_operator_chooses_a_release_or_the_current_one(files: LocalFiles) -> None:
    log = ReleaseLog(files, LAYOUT)
    with pytest.raises(RefusedError, match="nothing has been released yet"):
        log.chosen(None)
    first, second = log.append(release(1)), log.append(release(2))
    assert (log.chosen(ReleaseNumber(1)), log.chosen(None)) == (first, second)
    with pytest.raises(RefusedError, match="release 3 does not exist"):
        log.chosen(ReleaseNumber(3))


def test_of_two_publishers_of_one_number_one_is_refused(files: LocalFiles) -> None:
    one, other = ReleaseLog(files, LAYOUT), ReleaseLog(files, LAYOUT)
    one.append(release(1))
    other.current()
    first = one.append(release(2))
    with pytest.raises(AlreadyExistsError):
        other.append(release(2, version=9))
    assert other.current() == first


def test_a_folder_whose_publisher_died_is_not_a_release(files: LocalFiles) -> None:
    log = ReleaseLog(files, LAYOUT)
    log.append(release(1))
    files.make_folder(LAYOUT.release(ReleaseNumber(2)))
    assert ReleaseLog(files, LAYOUT).current() == log.current()
    assert log.append(release(2)).number == 2


def test_our_own_document_is_success_even_if_the_answer_was_lost(files: LocalFiles) -> None:
    class LosesAnswers(LocalFiles):
        def rename(self, source: str, target: str) -> None:
            super().rename(source, target)
            raise AlreadyExistsError(target)

    folder = files._folder
    assert ReleaseLog(LosesAnswers(folder), LAYOUT).append(release(1)).number == 1


@settings(max_examples=20)
@given(st.integers(min_value=1, max_value=6), st.data())
def test_as_known_at_is_the_last_one_released_before(count: int, data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        log = ReleaseLog(LocalFiles(Path(folder)), LAYOUT)
        published = [log.append(release(number)) for number in range(1, count + 1)]
        chosen = data.draw(st.sampled_from(published))
        shift = data.draw(st.integers(min_value=-1, max_value=1))
        instant = chosen.released_at + timedelta(milliseconds=shift)
        expected = [p for p in published if p.released_at <= instant]
        if expected:
            assert log.as_known_at(instant) == expected[-1]
        else:
            with pytest.raises(NotFoundError):
                log.as_known_at(instant)


def test_documents_survive_json(files: LocalFiles) -> None:
    document = release(7)
    assert msgspec.json.decode(msgspec.json.encode(document), type=Release) == document
