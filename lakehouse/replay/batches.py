"""Lines to batches of one merchant each, as large as one request may be.

In: lines of many merchants in any order. Out: lists of lines of one merchant; within a merchant the order stays.
At most ``max_waiting`` lines are held back, so that memory stays flat and a slow replay stays timely.
"""

from collections.abc import Iterable, Iterator

from lakehouse.replay.lines import Line

_MAX_BYTES = 900_000
"""Below the edge's largest body, 1 MiB."""


def batches(lines: Iterable[Line], size: int, max_waiting: int) -> Iterator[list[Line]]:
    """Groups lines by merchant."""
    waiting: dict[str, list[Line]] = {}
    room: dict[str, int] = {}
    held = 0
    for line in lines:
        merchant_id = line.merchant_id
        if merchant_id in waiting and room[merchant_id] < len(line.event):
            held -= len(waiting[merchant_id])
            yield waiting.pop(merchant_id)
        if merchant_id not in waiting:
            waiting[merchant_id], room[merchant_id] = [], _MAX_BYTES
        waiting[merchant_id].append(line)
        room[merchant_id] -= len(line.event) + 1
        held += 1
        if len(waiting[merchant_id]) >= size:
            held -= size
            yield waiting.pop(merchant_id)
        elif held >= max_waiting:
            yield from waiting.values()
            waiting, held = {}, 0
    yield from waiting.values()
