"""A value that is replaced is the old one or the new one after a kill at any step."""

import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.atomic_file import ROOM, read_json, write_json


class KilledError(Exception):
    """The process has ended here."""


def killed_before(step: int) -> Any:
    """Patches every step that changes a folder or a file's end."""
    left = [step]

    def mortal(call: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError
            return call(*arguments)

        return wrapped

    names = ("link", "replace", "fsync")
    return mock.patch.multiple(os, **{name: mortal(getattr(os, name)) for name in names})


VALUES = st.lists(st.tuples(st.text(max_size=40), st.integers(0, 8)), min_size=1, max_size=12)


@given(VALUES)
def test_it_is_the_old_value_or_the_new_one_whenever_it_is_killed(values: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, known = Path(folder) / "value.json", None
        for value, step in values:
            try:
                with killed_before(step):
                    write_json(path, value)
                known = value
            except KilledError:
                assert read_json(path, str) in (known, value)
                known = read_json(path, str)
            assert read_json(path, str) == known


def test_a_value_shrinks_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    for size in (3, ROOM * 2, 5, ROOM - 1, 0):
        write_json(path, "x" * size)
        assert read_json(path, str) == "x" * size


def test_a_spare_that_does_not_sync_is_not_written_to_again(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, "one")
    spare = tmp_path / ".value.json.spare"
    with mock.patch.object(os, "fsync", side_effect=OSError("no")), pytest.raises(OSError, match="no"):
        write_json(path, "two")
    assert not spare.exists()
    assert read_json(path, str) == "one"
    write_json(path, "three")
    assert read_json(path, str) == "three"
