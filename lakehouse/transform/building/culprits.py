"""Finds the events on which a build fails, and sets them aside, so that one event stops nobody.

In: a build that has failed twice on the same bronze commits. Out: the same build without the events on which it
fails, and a rule for each of them. In the order of acceptance the shortest part that fails ends with a culprit, whether
it fails by itself or together with others; it is found by halving. What fails without any event is the definition's
fault, and stays an error.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from lakehouse.transform.building.build import Build, BuildFailedError
from lakehouse.transform.building.input_rows import InputRow
from lakehouse.transform.building.set_aside import LONGEST_WORDS, MOST_RULES, Aside, Rule

NOTHING = "nothing"
"""The bound of a build that takes no event at all."""
FEW_SENDERS, DENSE = 4, 16
"""Where so many merchants' types fail within so many events each, it is not the events."""


class DefinitionAtFaultError(BuildFailedError):
    """No event is to blame. Somebody must mend the definition."""

    def __init__(self, error: BuildFailedError, why: str) -> None:
        super().__init__(f"{error}. It is not a single event: {why}", is_lasting=True, words=error.words)


B = TypeVar("B")


class Rows(Protocol):
    """The input's events in the order of acceptance."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int) -> InputRow: ...


class Culprits(Generic[B]):
    """One search. ``attempt`` carries out a build, and replaces what the one before it has left; ``keep`` stores what
    is known so far, so that a kill costs only the search for the next culprit."""

    def __init__(
        self,
        rows: Rows,
        plan: Build,
        attempt: Callable[[Build], B],
        keep: Callable[[Aside], None],
        progress: Callable[[str], None],
    ) -> None:
        self._rows = rows
        self._plan = plan
        self._attempt = attempt
        self._keep = keep
        self._progress = progress

    def set_aside(self, aside: Aside, error: BuildFailedError) -> B:
        """The build without the culprits. Raises :class:`DefinitionAtFaultError` where no event is to blame, or so many
        are that it cannot be them."""
        if isinstance(self._tried(aside, NOTHING, error), BuildFailedError):
            raise DefinitionAtFaultError(error, "it fails without any event")
        total, passes, senders = len(self._rows), 0, set[tuple[str, str]]()
        while passes < total:
            place, error = self._shortest(aside, passes, total, error)
            rule, passes = self._rule(self._rows[place], error), place + 1
            aside = aside.with_rule(rule)
            senders.add((rule.merchant_id, rule.type))
            if len(aside.rules) > MOST_RULES or (len(senders) >= FEW_SENDERS and place < DENSE * len(senders)):
                raise DefinitionAtFaultError(error, f"it fails on events of {len(senders)} senders among {passes}")
            self._keep(aside)
            self._progress(f"set aside a {rule.type} of {rule.merchant_id}: {rule.words}")
            result = self._tried(aside)
            if not isinstance(result, BuildFailedError):
                return result
            error = result
        raise DefinitionAtFaultError(error, "it fails whatever is set aside")

    def _shortest(self, aside: Aside, passes: int, fails: int, error: BuildFailedError) -> tuple[int, BuildFailedError]:
        """How many events still pass where one more fails, and with which error. The next one is asked first: where
        everything fails, that shows it soon."""
        middle = passes + 1
        while fails - passes > 1:
            self._progress(f"looking for the event on which the models fail: one of {fails - passes}")
            result = self._tried(aside, self._rows[middle - 1].position.variables, error)
            if isinstance(result, BuildFailedError):
                fails, error = middle, result
            else:
                passes = middle
            middle = (passes + fails) // 2
        return passes, error

    def _tried(self, aside: Aside, up_to: Any = None, error: BuildFailedError | None = None) -> B | BuildFailedError:
        """The build's outcome, where it is one of its events. Audits are asked only where it is them that fail."""
        is_trial = error is not None and not error.by_audit
        try:
            return self._attempt(replace(self._plan, set_aside=aside.rules, up_to=up_to, is_trial=is_trial))
        except BuildFailedError as failure:
            if not failure.is_of_data:
                raise
            return failure

    def _rule(self, row: InputRow, error: BuildFailedError) -> Rule:
        return Rule(row.position, row.merchant_id, row.type, error.words[:LONGEST_WORDS], self._plan.snapshot)
