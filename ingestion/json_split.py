"""JSON cut into its parts without parsing it: for what the fast decoder does not take, and to count elements before
any is decoded.

In: the bytes of an array or an object. Out: the bytes of its elements or members. Brackets and strings are followed,
nothing else is checked. Linear in the bytes, whatever they are; the work is done by the engine of ``re``, and only
what lies deeper than ordinary events is walked in Python, run by run.
"""

import re

import msgspec

# Possessive, and a string that never ends is one token: linear time, whatever the bytes are.
STRING = rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_SPACE = b" \t\r\n"
_LEVELS = 5
"""The levels of an event with its order lines, and one more."""


class _Element(msgspec.Struct, gc=False):
    """Any object, whose members are passed over."""


_COUNT = msgspec.json.Decoder(list[_Element])
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class UnreadableError(Exception):
    """The bytes are not JSON, or not of the shape that the media type says."""

    kept: bytes | None = None
    """What goes to quarantine, where that is more than the body."""


def _nested(levels: int) -> bytes:
    """What is between matching brackets, of at most so many levels."""
    inner = b"|" + _nested(levels - 1) if levels > 1 else b""
    return rb'[\[{](?:[^"\[\]{}]++|' + STRING + inner + rb")*+[\]}]"


_FLAT = re.compile(rb'(?:[^",\[\]{}]++|' + STRING + b"|" + _nested(_LEVELS) + b")*+", re.DOTALL)
"""The rest of an element, up to its comma or to a bracket that is not of an ordinary depth."""
_NESTED = re.compile(_nested(_LEVELS), re.DOTALL)
_TOKEN = re.compile(
    rb'(?P<flat>(?:[^"\[\]{}]++|' + STRING + b"|" + _nested(_LEVELS) + b")++)"
    # These groups match no texts: ``end_of_value`` counts the brackets in them.
    rb'|(?P<opening>(?:[\[{][^"\[\]{}]*+)++)|(?P<closing>[\]}]++)',
    re.DOTALL,
)


def elements_of(body: bytes, most: int) -> list[bytes]:
    """The elements of a batch; only ``most`` and one more if there are more.

    They are counted before any is made: an array of a million numbers, or of empty objects, costs next to nothing.
    """
    try:
        if len(_COUNT.decode(body)) <= most:
            return [bytes(raw) for raw in _RAW_ARRAY.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        pass
    return split_array(body, most)


def split_array(text: bytes, most: int | None = None) -> list[bytes]:
    """The elements of a JSON array. Stops after ``most`` elements and one more."""
    stripped = text.strip(_SPACE)
    if not (stripped.startswith(b"[") and stripped.endswith(b"]")):
        raise UnreadableError("a batch is a JSON array")
    return split(stripped, most)


def split(stripped: bytes, most: int | None = None) -> list[bytes]:
    """The elements of an array, or the members of an object, that begins and ends with its brackets."""
    elements: list[bytes] = []
    start = at = 1
    while True:
        at = _end_of_element(stripped, at)
        elements.append(stripped[start:at].strip(_SPACE))
        if stripped[at] != ord(","):
            break
        if most is not None and len(elements) > most:
            return elements
        start = at = at + 1
    if at != len(stripped) - 1:
        raise UnreadableError("there is something after the array")
    return [] if elements == [b""] else elements


def _end_of_element(text: bytes, at: int) -> int:
    """Where the comma or the bracket is that ends the element."""
    while True:
        flat = _FLAT.match(text, at)
        at = flat.end() if flat else at
        if at == len(text):
            raise UnreadableError("the brackets do not match")
        if text[at] not in b"[{":
            return at
        at = end_of_value(text, at)


def end_of_value(text: bytes, at: int) -> int:
    """Where an object or array ends that begins at ``at``."""
    if (whole := _NESTED.match(text, at)) is not None:
        return whole.end()
    level = 0
    for token in _TOKEN.finditer(text, at):
        if token["opening"] is not None:
            level += token["opening"].count(b"[") + token["opening"].count(b"{")
        elif token["closing"] is not None:
            if len(token["closing"]) >= level:
                return token.start() + level
            level -= len(token["closing"])
    raise UnreadableError("the brackets do not match")
