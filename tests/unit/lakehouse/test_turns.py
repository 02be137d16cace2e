"""Turns of a thread: one after the other, until it is stopped, whatever one of them raises."""

import logging
import threading
import time

import pytest

from lakehouse.turns import Turns
from tests.support.waiting import await_


def test_turns_follow_each_other_until_the_last() -> None:
    left = [0.0, 0.0, None]
    turns = Turns("short", lambda: left.pop(0), "failed")
    turns.start()
    await_(lambda: not left)
    turns.stop(5)
    assert turns.stopping


def test_a_failure_is_logged_and_followed_by_another_turn(caplog: pytest.LogCaptureFixture) -> None:
    failures = [OSError("no disk"), KeyError("bug")]
    went_on = threading.Event()

    def turn() -> None:
        if failures:
            raise failures.pop(0)
        went_on.set()

    turns = Turns("failing", turn, "it failed, and is tried again", retry_seconds=0.0)
    with caplog.at_level(logging.ERROR):
        turns.start()
        assert went_on.wait(20)
    turns.stop(5)
    assert [record.message for record in caplog.records] == ["it failed, and is tried again"] * 2
    assert "no disk" in caplog.text
    assert "bug" in caplog.text


def test_who_wakes_it_waits_for_no_pause_also_when_it_comes_within_a_turn() -> None:
    began, go_on, count = threading.Event(), threading.Event(), [0]

    def turn() -> float:
        count[0] += 1
        began.set()
        go_on.wait(20)
        return 3600.0

    turns = Turns("woken", turn, "failed")
    turns.start()
    assert began.wait(20)
    turns.wake()
    go_on.set()
    await_(lambda: count[0] == 2)
    turns.wake()
    await_(lambda: count[0] == 3)
    turns.stop(5)
    assert count[0] == 3


def test_stop_cuts_pauses_short_and_waits_no_longer_than_it_was_told() -> None:
    release = threading.Event()

    def turn() -> float:
        turns.pause(3600)
        release.wait(20)
        return 0.0

    turns = Turns("slow", turn, "failed")
    turns.start()
    began = time.monotonic()
    turns.stop(0.05)
    assert turns.stopping
    assert time.monotonic() - began < 10
    release.set()


def test_stop_is_followed_by_a_last_turn_where_there_is_one_to_be() -> None:
    began, seen = threading.Event(), []

    def turn() -> float:
        seen.append(turns.stopping)
        began.set()
        return 3600.0

    turns = Turns("shipper", turn, "failed", once_more=True)
    turns.start()
    assert began.wait(20)
    turns.stop(20)
    assert seen == [False, True]


def test_what_never_began_is_stopped_at_once() -> None:
    Turns("never", lambda: None, "failed").stop(3600)
