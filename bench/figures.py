"""What a benchmark has found: figures with their spread, and the bars that they are held against."""

from dataclasses import dataclass

from bench.rounds import Spread


@dataclass(frozen=True)
class Figure:
    """One row: ``of`` whom, ``what``, in which ``unit``. ``at`` tells rows of the same name apart (a size)."""

    of: str
    what: str
    unit: str
    value: Spread
    at: str = ""


@dataclass(frozen=True)
class Bar:
    """What the product promises, and what was measured."""

    promise: str
    measured: str
    kept: bool
