"""Waits for what happens elsewhere: in another thread, or on a server."""

import time
from collections.abc import Callable

PATIENCE = 20.0


def await_(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Until it holds. What is awaited tells nobody that it has come, so it is asked again after a pause, which leaves
    the processor to it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
