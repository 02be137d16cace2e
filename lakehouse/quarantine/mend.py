"""Mends an event: by a jq program, or by a JSON patch (RFC 6902).

In: the program as a text, then events in JSON. Out: each event as it is to be sent, or nothing where the program leaves
it out; :class:`UnmendableError` where it fails on one. A program that cannot be read is refused before any event is
looked at. A key that an event has twice is read as its last one, as jq and most readers of JSON do.
"""

import json
from collections.abc import Callable
from typing import Any

import jq
import jsonpatch

from lakehouse.errors import LakehouseError, RefusedError

_AROUND = "def env: {}; {} as $ENV | (%s\n) | tojson"
"""A program knows the event and nothing of the process. As a text, numbers keep every digit that it does not touch; as
values they would be doubles."""

Mend = Callable[[bytes], bytes | None]


class UnmendableError(LakehouseError):
    """The program has failed on this event."""


def mend_of(program: str) -> Mend:
    """A JSON array of operations is a patch, everything else a jq program. Raises :class:`RefusedError`."""
    operations = _operations(program)
    return _by_jq(program) if operations is None else _by_patch(operations)


def _operations(program: str) -> list[Any] | None:
    try:
        read = json.loads(program)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None


def _by_patch(operations: list[Any]) -> Mend:
    try:
        patch = jsonpatch.JsonPatch(operations)
    except jsonpatch.JsonPatchException as error:
        raise RefusedError(f"the mend is no JSON patch: {error}") from error

    def mend(event: bytes) -> bytes | None:
        try:
            mended = patch.apply(_read(event))
            return json.dumps(mended, ensure_ascii=False, allow_nan=False).encode()
        except (
            jsonpatch.JsonPatchException,
            jsonpatch.JsonPointerException,
            ValueError,
            TypeError,
            RecursionError,
        ) as error:
            raise UnmendableError(f"the patch does not fit it: {error}") from error

    return mend


def _by_jq(program: str) -> Mend:
    try:
        jq.compile(
            program
        )  # by itself: what is wrong with it is said of its own text, and it closes no bracket of ours
        compiled = jq.compile(_AROUND % program)
    except ValueError as error:
        raise RefusedError(f"the mend is no jq program: {error}") from error

    def mend(event: bytes) -> bytes | None:
        try:
            made = compiled.input_text(event.decode("utf-8")).all()
        except ValueError as error:  # UnicodeDecodeError is one
            raise UnmendableError(f"the program fails on it: {error}") from error
        if len(made) > 1:
            raise UnmendableError(f"the program makes {len(made)} events of it; it may make one, or none")
        return str(made[0]).encode() if made else None

    return mend


def _read(event: bytes) -> Any:
    try:
        return json.loads(event)
    except RecursionError as error:
        raise UnmendableError("it is nested too deep") from error
