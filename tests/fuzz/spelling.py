"""A JSON value as bytes, in one of the many ways in which JSON may be spelled.

In: a value of Python's, with a :class:`Number` wherever a number has a spelling of its own. Out: its bytes, plain or
with spaces, escapes and another order of the keys: the same value, as another client would write it.
"""

import json
import random
import re
from typing import Any

_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SURROGATE = re.compile("[\ud800-\udfff]")
"""No bytes spell one, only an escape does."""
_SPACES = ("", "", "", " ", "\n", "\t \r\n")


class Number(str):
    """A number as it is spelled: Python's own writer would round it."""


def plain(value: Any) -> bytes:
    """The shortest spelling, in the order that the keys have."""
    return _spell(value, None).encode()


def odd(value: Any, chance: random.Random) -> bytes:
    """Legal, and as few clients spell it."""
    return _spell(value, chance).encode()


def _spell(value: Any, chance: random.Random | None) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return _text(value, chance)
    if isinstance(value, dict):
        members = list(value.items())
        if chance:
            chance.shuffle(members)
        spelled = [f"{_text(name, chance)}{_space(chance)}:{_spaced(one, chance)}" for name, one in members]
        return "{" + _space(chance) + ",".join(spelled) + "}"
    if isinstance(value, list):
        return "[" + _space(chance) + ",".join(_spaced(one, chance) for one in value) + "]"
    return json.dumps(value)


def _spaced(value: Any, chance: random.Random | None) -> str:
    return _space(chance) + _spell(value, chance) + _space(chance)


def _space(chance: random.Random | None) -> str:
    return chance.choice(_SPACES) if chance else ""


def _text(text: str, chance: random.Random | None) -> str:
    """Where nothing is escaped that need not be, or everything, or here and there one character."""
    if chance is None or chance.random() < 0.5:
        return json.dumps(text, ensure_ascii=bool(_SURROGATE.search(text)))
    often = chance.choice((0.05, 1.0)) if len(text) < 200 else 0.01
    return '"' + "".join(_character(one, chance, often) for one in text) + '"'


def _character(one: str, chance: random.Random, often: float) -> str:
    if one in _SHORT and (one in '"\\' or chance.random() < 0.5):
        return _SHORT[one]
    if one >= " " and chance.random() >= often and not _SURROGATE.match(one):
        return one
    units = one.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
    return escaped.upper().replace("\\U", "\\u") if chance.random() < 0.3 else escaped
