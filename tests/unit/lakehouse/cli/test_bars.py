"""A rebuild is a bar with an estimate at a terminal, and plain lines elsewhere; stdout has neither."""

import io
import re
import sys
import time

import pytest

from lakehouse.cli import bars
from lakehouse.cli.replay import _bar
from lakehouse.transform.backfill.progress import Phase, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def getvalue(self) -> str:
        """Without the sequences that move a cursor and colour a text."""
        return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", super().getvalue())

    @property
    def last(self) -> str:
        """The bar as it was drawn last."""
        return self.getvalue().rstrip("\n").rpartition("\r")[2]


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: pytest sets stderr anew when it has the fixtures."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(bars, "_TICK", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    return made


def said(phase: Phase, rows: int = 0, total: int | None = None, rate: float | None = None, ago: float = 0) -> Progress:
    return Progress(phase, int((time.time() - ago) * 1_000_000), rows, total, rate)


def test_at_a_terminal_a_rebuild_is_a_bar_with_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = at_a_terminal(monkeypatch)
    with bars.rebuild() as (say, watch):
        watch(said(Phase.RAW))
        assert "raw files to bronze" in terminal.last
        assert "%" not in terminal.last
        watch(said(Phase.SLICES, 0, 2_000_000))
        assert "  0%|" in terminal.last
        assert "left" not in terminal.last
        watch(said(Phase.SLICES, 500_000, 2_000_000, 5_000))
        assert "building  25%|" in terminal.last
        assert "500k/2.00M rows" in terminal.last
        assert "about 5 min left" in terminal.last
        say("tried again in 10 s: away")
        watch(said(Phase.DONE, 2_000_000, 2_000_000))
        assert "built 100%|" in terminal.last
    assert "\rtried again in 10 s: away\n" in terminal.getvalue().replace(" \r", "\r")
    assert capsys.readouterr().out == ""


def test_the_bar_goes_on_while_a_slice_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is counted from when it was said, by whoever builds; an estimate that has run out is not shown."""
    terminal, now = at_a_terminal(monkeypatch), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    with bars.rebuild() as (_, watch):
        watch(said(Phase.SLICES, 50, 100, 0.1, ago=200))
        assert "about 5 min left" in terminal.last
        watch(said(Phase.SLICES, 50, 100, 0.5, ago=98))
        assert "about 2 s left" in terminal.last
        now += 3
        deadline = time.monotonic() + 60
        while "left" in terminal.last and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "50%|" in terminal.last
        assert "left" not in terminal.last


def test_elsewhere_a_rebuild_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with bars.rebuild() as (say, watch):
        watch(said(Phase.SLICES, 500_000, 2_000_000, 5_000))
        say("tried again in 10 s: away")
        watch(said(Phase.CATCH_UP, 2_000_000, 2_000_000))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "500,000 of 2,000,000 rows are built, about 5 min left",
        "tried again in 10 s: away",
        "all rows are built; it catches up with the live line",
    ]
    assert err.replace("\n", "").isprintable()


def test_what_is_counted_is_a_bar_too(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    with bars.Counting(1_000_000, "B", "vacuum") as bar:
        bar.update(250_000)
        bar.refresh()
    assert "vacuum:  25%|" in terminal.last
    assert "250k/1.00M" in terminal.last
    with _bar("-") as events:
        events.update(7)
        events.refresh()
    assert "7.00 events" in terminal.last


def test_elsewhere_what_is_counted_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "_LINE_EVERY", 0.0)
    with bars.Counting(1_000_000, "B", "vacuum") as bar:
        bar.update(250_000)
        bar.say("line 7: bad_time: time")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["vacuum:  25%| | 250k/1.00M B [0 s]", "line 7: bad_time: time"]
