"""mypy refuses one id for another. What it would let pass, it reports here as an unused ``type: ignore``."""

import msgspec
import pytest

from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.model import Base

LAYOUT = Layout("/lakehouse")
RELEASE, VERSION, SNAPSHOT, GENERATION = ReleaseNumber(42), GoldVersionNumber(3), SnapshotNumber(7), GenerationNumber(2)


def test_a_gold_version_is_no_release() -> None:
    assert LAYOUT.release(RELEASE) == "/lakehouse/releases/42"
    assert LAYOUT.release(VERSION)  # type: ignore[arg-type]
    assert LAYOUT.gold_version(RELEASE)  # type: ignore[arg-type]


def test_a_snapshot_and_its_version_are_not_exchanged() -> None:
    assert LAYOUT.snapshot(VERSION, SNAPSHOT) == "/lakehouse/gold_versions/3/snapshots/7.json"
    assert LAYOUT.snapshot(SNAPSHOT, VERSION)  # type: ignore[arg-type]


def test_a_generation_is_no_gold_version_and_no_plain_number() -> None:
    assert LAYOUT.bronze(GENERATION) == "/lakehouse/bronze/g2/events"
    assert LAYOUT.bronze(VERSION)  # type: ignore[arg-type]
    assert LAYOUT.bronze(2)  # type: ignore[arg-type]


def test_in_json_an_id_is_a_number_and_nothing_else() -> None:
    text = msgspec.json.encode(Base(RELEASE, VERSION, SNAPSHOT))
    assert text == b'{"release":42,"gold_version":3,"snapshot":7}'
    assert msgspec.json.decode(text, type=Base) == Base(RELEASE, VERSION, SNAPSHOT)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text.replace(b"42", b'"42"'), type=Base)
