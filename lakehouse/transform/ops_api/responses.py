"""What operators read: operations, gold versions and releases as JSON documents.

In: the documents of the protocol. Out: plain dicts; instants as text in UTC. Pure.
"""

from typing import Any

import msgspec

from lakehouse import instants
from lakehouse.releases.log import Published
from lakehouse.releases.model import Drop, Release
from lakehouse.releases.version_status import VersionState
from lakehouse.transform.backfill.progress import Progress
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import Note, Operation, Result

Document = dict[str, Any]
OPERATIONS = "/v1/ops/operations"


def operation(given: Operation, note: Note | None, result: Result | None, progress: Progress | None) -> Document:
    """``state`` is ``waiting``, ``running``, ``done``, ``refused`` or ``failed``."""
    gold_version = (result and result.gold_version) or (note and note.gold_version)
    said = result.message if result else note.message if note else None
    return {
        "operation": given.id,
        "url": f"{OPERATIONS}/{given.id}",
        "verb": requests.verb(given.request),
        "request": _without_tag(given.request),
        "actor": given.actor,
        "requested_at": instant(given.requested_at),
        "seen_release": given.seen,
        "definition": given.definition,
        "state": result.end if result else "running" if note else "waiting",
        "message": said,
        "gold_version": gold_version,
        "release": result.release if result else None,
        "seconds_behind": result.seconds_behind if result else None,
        "replay": result.replay if result else None,
        "retirement": result.retirement if result else None,
        "finished_at": instant(result.finished_at) if result else None,
        "progress": _progress(progress),
    }


def gold_version(state: VersionState, progress: Progress | None, drop: Drop | None) -> Document:
    """One gold version, with what it was planned from, how far it is, and who has dropped it."""
    made, newest, plan = state.version, state.newest, state.version.plan
    return {
        "gold_version": state.number,
        "standing": state.status,
        "definition": msgspec.to_builtins(made.definition),
        "created_at": instant(made.created_at),
        "left_at": state.left_at and instants.to_text(state.left_at),
        "plan": plan
        and {
            "from": plan.source,
            "since": instant(plan.since),
            "until": instant(plan.until),
            "base": msgspec.to_builtins(plan.base),
            "shared": list(plan.shared),
            "actor": plan.actor,
            "reason": plan.reason,
            "operation": plan.operation,
        },
        "snapshot": newest
        and {
            "number": newest.number,
            "bronze": msgspec.to_builtins(newest.bronze),
            "complete_through": instant(newest.complete_through),
        },
        "progress": _progress(progress),
        "dropped": drop
        and {
            "dropped_at": instant(drop.dropped_at),
            "actor": drop.actor,
            "reason": drop.reason,
            "operation": drop.operation,
        },
    }


def release(published: Published) -> Document:
    """A row of the log, with who, when and why."""
    said = published.release
    return {
        "release": said.release,
        "released_at": instants.to_text(published.released_at),
        "gold_version": said.gold_version,
        "snapshot": said.snapshot,
        "kind": said.kind,
        "reason": said.reason,
        "actor": said.actor,
        "held": said.held,
        "operation": said.operation,
        "unproved": unproved(said),
        "complete_through": instant(said.complete_through),
        "definition": msgspec.to_builtins(said.definition),
    }


def unproved(said: Release) -> list[Document]:
    """What an operator has accepted without proof: hours of edges."""
    return [
        msgspec.to_builtins(one) | {"first": instant(one.first), "last": instant(one.last)} for one in said.unproved
    ]


def instant(micros: int | None) -> str | None:
    return None if micros is None else instants.to_text(instants.from_micros(micros))


def _progress(progress: Progress | None) -> Document | None:
    if progress is None:
        return None
    left = progress.seconds_left
    said: Document = msgspec.to_builtins(progress)
    return said | {"updated_at": instant(progress.updated_at), "seconds_left": left and round(left, 1)}


def _without_tag(request: requests.Request) -> Document:
    found: Document = msgspec.to_builtins(request)
    return {name: value for name, value in found.items() if name != "verb"}
