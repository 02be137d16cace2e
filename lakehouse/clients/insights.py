"""The insights API, as an operator's command asks it.

In: its URL. Out: which gold versions it holds in memory, so that a promote can wait until the candidate is among them.
"""

import httpx

from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber

_TIMEOUT = 2.0
"""Seconds. It answers from memory, so silence means that it is away."""


def prepared(url: str) -> dict[GoldVersionNumber, SnapshotNumber] | None:
    """For each gold version in memory the newest snapshot that is; None if the API does not answer."""
    try:
        answer = httpx.get(f"{url}/v1/status", timeout=_TIMEOUT, trust_env=False)
        answer.raise_for_status()
        return {
            GoldVersionNumber(int(entry["gold_version"])): SnapshotNumber(int(entry["snapshot"]))
            for entry in answer.json()["prepared"]
        }
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
