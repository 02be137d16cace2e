"""What an operator reads while a build goes on."""

from streaming.build_progress import BuildProgress


def test_a_line_says_what_is_done_how_fast_and_how_long_it_takes() -> None:
    now = [100.0]
    progress = BuildProgress(4, 4_000_000, lambda: now[0])
    now[0] += 10
    assert progress.line(1, 1_000_000) == "1 of 4 raw files, 1,000,000 of 4,000,000 events, 100,000 events/s, 30 s left"
    now[0] += 190
    assert progress.line(1, 1_000_000) == "2 of 4 raw files, 2,000,000 of 4,000,000 events, 10,000 events/s, 3 min left"
