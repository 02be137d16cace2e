"""The edge on all that shops may send: nothing but its documented outcomes, and nothing accepted that is not kept.

``make fuzz`` sends more events, by other seeds.
"""

import logging
from collections import Counter

import pytest

from ingestion.content_headers import ContentMode
from ingestion.fast_decode import Sender
from ingestion.rejections import Reason
from lakehouse.contracts.events import SHAPES
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.http.problems import Kind
from tests.fuzz import edge, halves, kept
from tests.fuzz.edge import Outcome
from tests.fuzz.requests import Request, requests
from tests.fuzz.wanted import MINUTES, SEED

EVENTS = 4_000 + int(2_000 * MINUTES)
Asked = list[tuple[Request, Outcome]]


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def outcomes(log: list[str]) -> Asked:
    reader, handler = edge.envelope(), _Kept(log)
    logging.getLogger("ingestion").addHandler(handler)
    try:
        return [(request, edge.asked(reader, request)) for request in requests(SEED, EVENTS)]
    finally:
        logging.getLogger("ingestion").removeHandler(handler)


class _Kept(logging.Handler):
    def __init__(self, log: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.append(logging.Formatter().format(record))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(requests(SEED, 300)) == list(requests(SEED, 300))
    assert list(requests(SEED, 300)) != list(requests(SEED + 1, 300))


def test_every_event_is_accepted_or_has_a_reason(outcomes: Asked) -> None:
    for request, outcome in outcomes:
        if outcome.problem is None:
            places = [refusal.index for refusal in outcome.reading.rejections]
            assert len(set(places)) == len(places)
            assert len(outcome.reading.events) + len(places) == len(request.events), request.body


def test_nothing_is_the_edges_own_fault(outcomes: Asked, log: list[str]) -> None:
    """Neither as a reason nor in its log, where a failure of the fast way would be that the careful way has covered."""
    faults = [refusal for _, outcome in outcomes for refusal in outcome.reading.rejections]
    assert [fault.body for fault in faults if fault.reason is Reason.INTERNAL_ERROR] == []
    assert log == []


def test_only_a_body_that_is_no_json_is_refused_whole(outcomes: Asked) -> None:
    """Good events of a batch are taken although others are bad; an event alone may be too large."""
    for request, outcome in outcomes:
        alone = len(request.events) == 1 and outcome.problem is Kind.TOO_LARGE
        if outcome.problem is not None and not request.is_torn and not alone:
            found, words = halves.smallest(request.events, refused_whole, seconds=30)
            pytest.fail(f"{words or outcome.problem}: {found if words else request.body!r}", pytrace=False)


def refused_whole(events: list[bytes]) -> str | None:
    body = b"[" + b",".join(events) + b"]"
    outcome = edge.asked(edge.envelope(), Request(ContentMode.BATCH, body, [], Sender("shop"), tuple(events)))
    return str(outcome.problem) if outcome.problem else None


def test_what_is_accepted_is_what_was_sent(outcomes: Asked) -> None:
    count = 0
    for request, outcome in outcomes:
        for event, text in edge.accepted(request, outcome):
            sent = kept.sent_data(request, text)
            assert kept.comparable(event.type, kept.exact(event.data)) == kept.comparable(event.type, sent), text
            count += 1
    assert count > EVENTS / 3


def attributes(events: list[AcceptedEvent]) -> set[object]:
    """What is there besides the required: attributes by name, extensions by name and by the type of their value."""
    names = ("subject", "dataschema", "replay_of")
    found: set[object] = {name for event in events for name in names if getattr(event, name) is not None}
    extensions = [(name, value) for event in events for name, value in (event.extensions or {}).items()]
    return found | {name for name, _ in extensions} | {type(value) for _, value in extensions}


def test_the_generator_reaches_everything(outcomes: Asked) -> None:
    """Every field of every type there and absent, and most reasons: what it does not reach it does not guard."""
    taken = [event for _, outcome in outcomes for event in outcome.reading.events]
    found: Counter[tuple[str, str, bool]] = Counter()
    for event in taken:
        data = kept.exact(event.data)
        shape = SHAPES[event.type]  # type: ignore[index]
        found.update((event.type, name, name in data) for name in shape.required | shape.optional)
    wanted = {(str(one), name, True) for one, shape in SHAPES.items() for name in shape.required | shape.optional}
    wanted |= {(str(one), name, False) for one, shape in SHAPES.items() for name in shape.optional}
    assert wanted <= found.keys()
    assert attributes(taken) >= {"subject", "dataschema", "replay_of", "traceparent", "tracestate", str, int, bool}
    assert max(len(event.extensions or {}) for event in taken) > 400
    for mode in ContentMode:
        of_mode = [event for request, outcome in outcomes if request.mode is mode for event in outcome.reading.events]
        found_of_mode = attributes(of_mode)
        assert found_of_mode >= {"traceparent", str}, mode
        assert found_of_mode & {"subject", "dataschema"}, mode
    reasons = {refusal.reason for _, outcome in outcomes for refusal in outcome.reading.rejections}
    assert len(reasons) > len(Reason) * 2 / 3
    assert {outcome.problem for _, outcome in outcomes} >= {None, Kind.UNREADABLE_BODY, Kind.TOO_LARGE}
