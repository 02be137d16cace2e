"""Programs that mend: what they change, leave as it was, leave out and fail on."""

import json

import pytest

from lakehouse.errors import RefusedError
from lakehouse.quarantine.mend import UnmendableError, mend_of
from tests.support.quarantine_world import order, sent

EVENT = sent(order(1, "brl"))
UPPER = ".data.currency |= ascii_upcase"
REPLACE = '[{"op": "replace", "path": "/data/currency", "value": "BRL"}]'


@pytest.mark.parametrize("program", [UPPER, REPLACE, f"{UPPER} # a remark"])
def test_a_program_changes_what_it_names(program: str) -> None:
    mended = mend_of(program)(EVENT)
    assert mended is not None
    assert json.loads(mended) == order(1, "BRL")


def test_jq_keeps_every_digit_that_it_does_not_touch() -> None:
    mended = mend_of(".a = 1")(b'{"a": 0, "b": 12345678901234567890123, "c": 1.10}')
    assert mended == b'{"a":1,"b":12345678901234567890123,"c":1.10}'


@pytest.mark.parametrize("program", [".a = $ENV", ".a = env"])
def test_a_program_knows_nothing_of_the_process(program: str) -> None:
    assert mend_of(program)(b"{}") == b'{"a":{}}'


def test_a_patch_keeps_whole_numbers() -> None:
    mended = mend_of(REPLACE)(b'{"data": {"currency": "x", "n": 12345678901234567890123, "t": "\xc3\xa9"}}')
    assert mended is not None
    assert json.loads(mended) == {"data": {"currency": "BRL", "n": 12345678901234567890123, "t": "é"}}


def test_jq_may_leave_an_event_out() -> None:
    mend = mend_of('select(.type == "order.placed")')
    assert mend(EVENT) is not None
    assert mend(b'{"type": "page.viewed"}') is None


@pytest.mark.parametrize(
    "program", [".data |=", "nonsense(", 'include "a"; .', '[{"op": "zap", "path": "/x"}]', "[1]", '[{"op": "add"}]']
)
def test_what_is_no_program_is_refused(program: str) -> None:
    with pytest.raises(RefusedError, match="the mend is no"):
        mend_of(program)


@pytest.mark.parametrize("program", [".data.currency |=", ".a | foo(", "bar", ".) | (.", '"x', "{", "# nothing"])
def test_what_is_wrong_with_a_program_is_said_of_its_own_text(program: str) -> None:
    with pytest.raises(RefusedError) as refused:
        mend_of(program)
    assert not any(word in str(refused.value) for word in ("tojson", "$ENV", "line 2", "--mend"))
    assert program in str(refused.value) or program == "# nothing"


@pytest.mark.parametrize(
    ("program", "event"),
    [
        (".data.items.x", EVENT),
        ("., .", EVENT),
        ('error("no")', EVENT),
        (".", b"{"),
        (".", b"\xff"),
        (REPLACE, b"{}"),
        (REPLACE, b"{"),
        (REPLACE, b'{"data": {"currency": 1e999}}'.replace(b"1e999", b'"x"}, "n": {"m": 1e999')),
        (REPLACE, b"[" * 100_000),
        ('[{"op": "test", "path": "/id", "value": "other"}]', EVENT),
    ],
)
def test_what_a_program_fails_on_is_said(program: str, event: bytes) -> None:
    with pytest.raises(UnmendableError):
        mend_of(program)(event)
