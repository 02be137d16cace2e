"""Rounds, spreads and percentiles."""

from hypothesis import given
from hypothesis import strategies as st

from bench.rounds import interleaved, percentile, spread

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []

    def contender(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    contenders = {"a": lambda: contender("a"), "b": lambda: contender("b")}
    found = interleaved(contenders, rounds=2, say=lambda _: None)
    assert calls == ["a", "b"] * 3
    assert {name: value.samples for name, value in found.items()} == {"a": (3.0, 5.0), "b": (4.0, 6.0)}


@given(SAMPLES)
def test_a_median_lies_between_least_and_most(samples: list[float]) -> None:
    value = spread(samples)
    assert value.least <= value.median <= value.most
    assert {value.least, value.most} <= set(samples)


@given(SAMPLES, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_least_sample_that_so_many_do_not_exceed(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples) - 1e-6
    assert sum(sample < found for sample in samples) < share * len(samples)
