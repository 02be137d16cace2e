"""The insights API, as an operator's command asks it.

In: its URL. Out: which gold versions it holds in memory, so that a promote can wait until the candidate is among them,
and whether it shows a release.
"""

import time

import httpx
import msgspec

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber

_TIMEOUT = 2.0
"""Seconds. It answers from memory, so silence means that it is away."""
_SHOWN_SECONDS = 10.0
_PAUSE_SECONDS = 0.05


def await_shown(url: str, release: ReleaseNumber, seconds: float = _SHOWN_SECONDS) -> bool:
    """Whether the API answers from this release or a later one, within so many seconds; False at once if it is away."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = _status(url)
        if status is None:
            return False
        if (status.current_release or 0) >= release:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def prepared(url: str) -> dict[GoldVersionNumber, SnapshotNumber] | None:
    """For each gold version in memory the newest snapshot that is; None if the API does not answer."""
    status = _status(url)
    return None if status is None else {entry.gold_version: entry.snapshot for entry in status.prepared}


class _Prepared(msgspec.Struct):
    gold_version: GoldVersionNumber
    snapshot: SnapshotNumber


class _Status(msgspec.Struct):
    """What we read of ``/v1/status``."""

    current_release: ReleaseNumber | None
    prepared: list[_Prepared]


def _status(url: str) -> _Status | None:
    """None if the API does not answer, or not with a status."""
    try:
        answer = httpx.get(f"{url}/v1/status", timeout=_TIMEOUT, trust_env=False)
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=_Status)
    except (httpx.HTTPError, msgspec.MsgspecError):
        return None
