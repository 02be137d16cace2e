"""Reads the documents of the protocol, also those that were written up to version 0.1.0 under other names.

In: JSON from HDFS. Out: a struct of ``model``, ``generations`` or ``ops_api.operations``. Documents are written once
and never changed, so a warehouse keeps its old ones: what was shown stays readable after an upgrade.
"""

import re
from typing import Any, TypeVar

import msgspec

from lakehouse.releases.model import Release, ReleaseKind

_FORMER_NAMES = {
    "why": "reason",
    "order": "operation",
    "wish": "request",
    "ordered_at": "requested_at",
    "says": "message",
}
"""A release had its kind in ``reason`` besides."""
_FORMER = re.compile(rb'"(?:' + "|".join(_FORMER_NAMES).encode() + rb')":')
"""Within a text the quotation marks would be escaped, so this can only be a name."""

Document = TypeVar("Document", bound=msgspec.Struct)


def decode(data: bytes, kind: type[Document]) -> Document:
    is_former_release = kind is Release and b'"kind":' not in data
    if is_former_release or _FORMER.search(data):
        data = msgspec.json.encode(_renamed(msgspec.json.decode(data), is_former_release=is_former_release))
    return msgspec.json.decode(data, type=kind)


def _renamed(document: dict[str, Any], *, is_former_release: bool = False) -> dict[str, Any]:
    found = {
        _FORMER_NAMES.get(name, name): _renamed(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if not (is_former_release and name == "reason")
    }
    if is_former_release:
        kind = document["reason"]
        found["kind"] = ReleaseKind.CYCLE if kind == "first" else kind
    return found
