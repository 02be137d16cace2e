"""What services show Prometheus. No merchant is ever in a label.

In: a registry, counters. Out: the text that is scraped; and counters by labels that cost no lookup by name.
"""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

from lakehouse.http.asgi import Response


def exposition(registry: CollectorRegistry) -> Response:
    """The answer of ``/metrics``."""
    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]
    return Response(generate_latest(registry), headers=headers)


class AnswerCounter:
    """Counts answers by labels. Looking up the child of a counter costs more than counting: children are kept, and
    labels are few (routes are named by their templates)."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[tuple[str | int, ...], Counter] = {}

    def count(self, *labels: str | int) -> None:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._counter.labels(*labels)
        child.inc()
