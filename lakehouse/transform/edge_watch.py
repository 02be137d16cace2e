"""Which edges are silent and what no raw file has, for the service's metrics and log: an alarm needs nobody who looks.

In: the edges' ledgers on HDFS. Out: a gauge by state and one of raw gaps, and a warning for each edge that has fallen
silent. It changes
nothing: numbers go on without a silent edge anyway (``building/watermark.py``).
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from prometheus_client import Gauge

from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.json_logs import fields
from lakehouse.ledger.edge_list import EdgeState, list_edges
from lakehouse.ledger.model import Unread
from lakehouse.ledger.raw_gaps import size, unfilled

log = logging.getLogger(__name__)
_raw_gaps = Gauge("lakehouse_raw_gap_events", "Events that are known to be in no raw file.")
_edges = Gauge("lakehouse_edges", "Incarnations of edges that accept or owe something, by state.", ["state"])


class EdgeWatch:
    """Warns of each incarnation once, and again if it has been heard meanwhile; likewise of what cannot be read."""

    def __init__(self, files: Files, layout: Layout, silent_after: timedelta) -> None:
        self._files = files
        self._layout = layout
        self._silent_after = silent_after
        self._silent: set[str] = set()
        self._unread: set[str] = set()

    def look(self, now: datetime) -> None:
        found = list_edges(self._files, self._layout, now, self._silent_after)
        counts = Counter(one.state for one in found)
        for state in (EdgeState.LIVE, EdgeState.DRAINING, EdgeState.SILENT, EdgeState.RETIRED):
            _edges.labels(state).set(counts[state])
        unread: list[Unread] = []
        _raw_gaps.set(size(unfilled(self._files, self._layout, unread=unread)))
        for one in (one for one in unread if one.path not in self._unread):
            log.warning("a document of an edge cannot be read", extra=fields(path=one.path, reason=one.message))
        self._unread = {one.path for one in unread}
        silent = {one.name: one for one in found if one.state is EdgeState.SILENT}
        for name in sorted(silent.keys() - self._silent):
            log.warning("an edge is silent", extra=fields(edge=name, heard_at=silent[name].heard_at.isoformat()))
        self._silent = set(silent)
