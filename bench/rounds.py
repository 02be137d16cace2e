"""Contenders take turns, so that whatever else the machine does meets all of them alike.

In: named actions that return seconds (or any figure). Out: their samples, without the first round, in which programs
are still being compiled and files read for the first time.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A figure as it is stated: the median, and between which values it lay."""

    median: float
    least: float
    most: float
    samples: tuple[float, ...]


def spread(samples: Sequence[float]) -> Spread:
    return Spread(statistics.median(samples), min(samples), max(samples), tuple(samples))


def interleaved(
    contenders: Mapping[str, Callable[[], float]], rounds: int, say: Callable[[str], None], warm_up: int = 1
) -> dict[str, Spread]:
    """A, B, A, B, ...: ``rounds`` that count after ``warm_up`` that do not."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-warm_up, rounds):
        for name, act in contenders.items():
            figure = act()
            say(f"{'warm-up' if number < 0 else f'round {number + 1} of {rounds}'}: {name} {figure:.3f}")
            if number >= 0:
                found[name].append(figure)
    return {name: spread(samples) for name, samples in found.items()}


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least ``share`` of all samples do not exceed."""
    ordered = sorted(samples)
    place = max(0, -(-len(ordered) * round(share * 1_000_000) // 1_000_000) - 1)
    return ordered[place]
