"""Replays what was refused, for an operation of the ops API.

In: the request. Out: what was sent again and what became of it, as the command prints it for programs; the same entries
again change nothing.
"""

import time
from collections.abc import Callable
from typing import Any

from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.quarantine.reading import Quarantine
from lakehouse.quarantine.replaying import prepare, send
from lakehouse.quarantine.selection import Named
from lakehouse.replay.sender import Sender
from lakehouse.replay.tokens import issued
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.transform.ops_api.requests import QuarantineReplay

_SAID_EVERY = 5.0
"""Seconds between two words about how far it is."""


def replay(settings: Settings, files: Files, request: QuarantineReplay, say: Callable[[str], None]) -> dict[str, Any]:
    quarantine = Quarantine(Trino.of(settings, read_only=True), files, Layout(settings.warehouse))
    selection = request.selection()
    prepared = prepare(
        quarantine.kept(selection),
        request.mended(),
        quarantine.replayed,
        wanted=selection.places if isinstance(selection, Named) else (),
        watch=_counting("entries are read", say),
    )
    if request.dry_run:
        return prepared.facts()
    say(f"{prepared.events:,} events are sent")
    token_of, watch = issued(settings, Scope.EVENTS_WRITE, Scope.OPS), _counting("events are sent", say)
    sent = send(prepared, lambda hear: Sender(settings.edge_url, token_of, hear, watch))
    return prepared.facts() | sent.facts()


def _counting(what: str, say: Callable[[str], None]) -> Callable[[int], None]:
    """Seldom enough for documents on HDFS."""
    count, said_at = 0, time.monotonic()

    def watch(more: int) -> None:
        nonlocal count, said_at
        count += more
        if time.monotonic() - said_at >= _SAID_EVERY:
            said_at = time.monotonic()
            say(f"{count:,} {what}")

    return watch
