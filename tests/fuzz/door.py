"""Arbitrary requests at the edge's route, guided by coverage: ``make fuzz-door``. A finding is written to the folder.

In: bytes of libFuzzer's. Out: nothing, or an answer that no contract knows. ``test_any_request.py`` is its small form.
"""

import gzip
import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingestion", "lakehouse.http", "lakehouse.tokens"]):
    from lakehouse.http.asgi import Headers
    from tests.support.edge_door import ATTRIBUTES, GOOD, NAMES, TYPES, VALUES, EdgeDoor, assert_documented

_PICKED = [name.encode() for name in (*NAMES, *(f"ce-{name}" for name in ATTRIBUTES))]


class Failures(logging.Handler):
    """An error in the log is a finding, also where the edge has covered it."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(logging.Formatter().format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        raise


def _fields(data: atheris.FuzzedDataProvider) -> Headers:
    found: Headers = []
    for _ in range(data.ConsumeIntInRange(0, 10)):
        value = data.PickValueInList(VALUES).encode() if data.ConsumeBool() else data.ConsumeBytes(40)
        found.append((data.PickValueInList(_PICKED), value))
    return found


def _body(data: atheris.FuzzedDataProvider) -> bytes:
    start = data.PickValueInList(GOOD)
    cut = data.ConsumeIntInRange(0, len(start))
    packed, more = data.ConsumeBool(), data.ConsumeBytes(4096)
    body = start[:cut] + more + (start[cut:] if data.ConsumeBool() else b"")
    return gzip.compress(body) if packed else body


def main() -> None:
    door = EdgeDoor(Path(tempfile.mkdtemp(prefix="door-")))
    tokens = list(door.tokens.values())
    logging.getLogger().addHandler(Failures(logging.ERROR))

    def one(given: bytes) -> None:
        data = atheris.FuzzedDataProvider(given)
        known: Headers = [(b"authorization", b"Bearer " + data.PickValueInList(tokens))]
        if (media := data.PickValueInList([*TYPES, ""])) != "":
            known.append((b"content-type", media.encode()))
        fields = _fields(data)
        assert_documented(door.ask([*known, *fields], [_body(data)]))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
