"""The trace context of a request: the headers ``traceparent`` and ``tracestate`` (W3C), which OpenTelemetry's HTTP
clients send by themselves.

In: the two headers. Out: the extensions of CloudEvents' distributed tracing that the request's events get if they bring
none of their own; None where there is no valid context. Promise: nothing here refuses a request.
"""

import re

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]*)?")
"""A later version may add fields; version 00 has none."""
_LONGEST = 512
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]*=[ -+\--<>-~]*[!-+\--<>-~]")
_MOST_MEMBERS = 32

PARENT, STATE = "traceparent", "tracestate"
TraceContext = dict[str, str | int | bool]


def trace_context(parent: str | None, state: str | None) -> TraceContext | None:
    """A state that breaks its rules is left out; so says W3C, and the parent counts without it."""
    if parent is None or not _is_parent(parent := parent.strip()):
        return None
    found: TraceContext = {PARENT: parent}
    if state is not None and _is_state(state):
        found[STATE] = state
    return found


def _is_parent(text: str) -> bool:
    match = _PARENT.fullmatch(text) if len(text) <= _LONGEST else None
    return match is not None and (match[1] != "00" or match[2] is None)


def _is_state(text: str) -> bool:
    members = [member.strip(" \t") for member in text.split(",")] if len(text) <= _LONGEST else []
    given = [member for member in members if member]
    return 0 < len(given) <= _MOST_MEMBERS and all(map(_MEMBER.fullmatch, given))


def with_context(extensions: TraceContext | None, context: TraceContext | None) -> TraceContext | None:
    """An event that names its own parent keeps its own state, too: the two belong together."""
    if context is None or (extensions is not None and PARENT in extensions):
        return extensions
    return {name: value for name, value in (extensions or {}).items() if name != STATE} | context
