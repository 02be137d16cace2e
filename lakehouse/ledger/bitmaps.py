"""Positions as words of 64 bits, by which Trino joins them without sorting them.

In: what a table holds of consecutive words: the bits that are there, the bits that are there an odd number of times,
and how many rows. Out: runs with how often they are held, exactly, as long as no position is held more than twice.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lakehouse.ledger.spans import Span

BITS = 64
_FULL = (1 << BITS) - 1


class TooManyCopiesError(Exception):
    """Some position is held more than twice: the words cannot tell which."""


class Words(NamedTuple):
    """Words ``first`` to ``last`` (included), which are all alike; word ``n`` holds the positions from ``64 n`` on.

    ``held`` and ``odd`` are bit masks, as signed or unsigned numbers; ``rows`` is the count of a single word.
    """

    first: int
    last: int
    held: int
    odd: int
    rows: int


def copies(words: Words) -> Iterator[tuple[Span, int]]:
    """Each run of positions (its end not included) and how often it is held: word by word, those held once first.

    Raises :class:`TooManyCopiesError`: a position that is there an even number of times is there at least twice, and
    one that is there an odd number of times at least once; only if the rows are as many as that do we know.
    """
    held, odd = words.held & _FULL, words.odd & _FULL
    if words.rows != odd.bit_count() + 2 * (held & ~odd).bit_count():
        raise TooManyCopiesError
    if held == odd == _FULL:
        yield (words.first * BITS, (words.last + 1) * BITS), 1
        return
    for number in range(words.first, words.last + 1):
        for mask, count in ((odd, 1), (held & ~odd, 2)):
            for begin, end in _runs(mask):
                yield (number * BITS + begin, number * BITS + end), count


def _runs(mask: int) -> Iterator[Span]:
    begin = 0
    while mask >> begin:
        begin += (mask >> begin & -(mask >> begin)).bit_length() - 1
        length = (~(mask >> begin) & (mask >> begin) + 1).bit_length() - 1
        yield begin, begin + length
        begin += length
