"""Parameters of a query string, one by one: from text to values, or 400 that names the parameter.

In: a raw query string, and the names that a route knows. Out: texts by name, each given at most once; whole numbers.
"""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from lakehouse.http.problems import BadParameterError, Kind, ProblemError

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_MOST_FIELDS = 100
_LONGEST_NAME = 100
"""Characters of an unknown name that the answer repeats."""


def pairs(raw: bytes) -> list[tuple[str, str]]:
    """Names and values in the order in which they came."""
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise ProblemError(Kind.BAD_PARAMETER, "the query string cannot be read") from error


def parameters(raw: bytes, known: Iterable[str]) -> dict[str, str]:
    """Raises 400 for an unknown or repeated one."""
    found: dict[str, str] = {}
    for name, value in pairs(raw):
        if name not in known:
            detail = f"unknown; there are {', '.join(known) or 'no parameters here'}"
            raise BadParameterError(name[:_LONGEST_NAME], detail)
        if name in found:
            raise BadParameterError(name, "given twice")
        found[name] = value
    return found


def required(given: dict[str, str], name: str) -> str:
    if name not in given:
        raise BadParameterError(name, "is required")
    return given[name]


def number(name: str, text: str, least: int = 0, most: int = 10**18) -> int:
    """A whole number within bounds, both included."""
    if not _NUMBER.fullmatch(text):
        raise BadParameterError(name, "must be a whole number of at most 18 digits, and not below 0")
    found = int(text)
    if not least <= found <= most:
        raise BadParameterError(name, f"must be {least} to {most}")
    return found
