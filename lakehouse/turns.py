"""A thread that does the same thing again and again, and goes on after a failure.

In: a turn, which returns how many seconds may pass before the next, or None after the last. Out: turns, one at a time,
until ``stop``. Promise: no failure of a turn ends the thread: it is logged, and there is another turn.
"""

import logging
import threading
from collections.abc import Callable

RETRY_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Turns:
    """``failed`` is the log's message about a turn that failed in a way that the turn itself did not expect. With
    ``once_more``, ``stop`` is followed by a last turn."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], float | None],
        failed: str,
        retry_seconds: float = RETRY_SECONDS,
        *,
        once_more: bool = False,
    ) -> None:
        self._turn = turn
        self._failed = failed
        self._retry_seconds = retry_seconds
        self._once_more = once_more
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """For a turn that takes long: it shall end."""
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """The next turn is now, or right after the present one."""
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Within a turn; ``stop`` cuts it short."""
        self._stopping.wait(seconds)

    def stop(self, timeout: float) -> None:
        """Returns after the last turn, or ``timeout`` seconds. Nothing if it was never started."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self.stopping:
            seconds = self._safe_turn()
            if seconds is None:
                return
            self._wake.wait(seconds)
            self._wake.clear()
        if self._once_more:
            self._safe_turn()

    def _safe_turn(self) -> float | None:
        try:
            return self._turn()
        except Exception:
            _log.exception(self._failed)
            return self._retry_seconds
