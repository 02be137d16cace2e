"""The HTTP protocol of a service with one hot route, whose requests need no task.

In: ASGI requests. Out: those of the hot route are handled in the very call that reads the end of their body, up to
where they first wait; the rest follows when what they wait for is done. A task, its turns of the loop and the event
that tells it of its body cost as much as the edge's own work on one event. (Python 3.12 has eager tasks for that.) A
request whose body does not come at once gets a task, as do those of all other routes.

While the route is overloaded, its requests are refused before anything is done for them.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from lakehouse.http.asgi import Response, with_length
from lakehouse.http.whole_answers import WholeAnswers, answer, extend


@dataclass(frozen=True)
class HotRoute:
    """``refused`` gets the status of each ``refusal``."""

    is_hot: Callable[[Any], bool]
    is_overloaded: Callable[[], bool]
    refusal: Response
    refused: Callable[[int], None]


def serving(route: HotRoute) -> type[WholeAnswers]:
    """For uvicorn's ``http``."""
    refusal = route.refusal
    headers = with_length(refusal)

    class Hot(WholeAnswers):
        """``_due`` is a request of the hot route whose body is still being read."""

        _due: tuple[RequestResponseCycle, Any] | None = None

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._start_due()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._start_due()

        def _start_due(self) -> None:
            if self._due is not None:
                due, self._due = self._due, None
                super()._start_asgi_task(*due)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            if self._due is not None and not self._in_body:
                (cycle, app), self._due = self._due, None
                self._handle(cycle, app)

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            if not route.is_hot(cycle.scope):
                super()._start_asgi_task(cycle, app)
            elif route.is_overloaded() and answer(cycle, refusal.status, headers, refusal.body):
                route.refused(refusal.status)
            elif cycle.more_body:
                self._due = cycle, app
            else:
                self._handle(cycle, app)

        def _handle(self, cycle: RequestResponseCycle, app: Any) -> None:
            extend(cycle)
            _Steps(cycle.run_asgi(app), self.loop)()

    return Hot


class _Steps:
    """Runs a coroutine from one future that it waits for to the next. Nothing in it may ask for its task."""

    __slots__ = ("_coroutine", "_loop")

    def __init__(self, coroutine: Coroutine[Any, None, None], loop: AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop

    def __call__(self, _: object = None) -> None:
        try:
            future = self._coroutine.send(None)
        except StopIteration:
            return
        if future is None:
            self._loop.call_soon(self)
        else:
            future._asyncio_future_blocking = False  # as a task does
            future.add_done_callback(self)
