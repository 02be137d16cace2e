"""Which hours of which edge are judged, and which should be and cannot.

In: :class:`Evidence` and the edges' words. Out: yes or no for an incarnation's hour, and what is :class:`Unproved`. An
hour is due once the release is complete through its end and an edge that lives must have spoken since. Promise: an
edge's hour is judged by that edge's word alone; one that is due is judged or unproved, never passed over.
"""

from collections.abc import Iterator, Mapping

from lakehouse.ledger.coverage import ALWAYS, Word, end_of
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Doubt, Evidence, Stream, Unproved, Unread, hour_of


class Doubts:
    """``everything``: each hour is due that has begun, as far as its edge must have spoken. ``first`` is the first hour
    of all."""

    def __init__(self, evidence: Evidence, words: Mapping[Stream, Word], first: int, everything: bool) -> None:
        self._evidence = evidence
        self._words = words
        self._from = max(first, evidence.proved_before)
        self._everything = everything
        self._due = _due(evidence, everything)

    def is_over(self, hour: int) -> bool:
        """Whether the watermark has passed it."""
        complete = self._evidence.complete_through
        return self._everything or (complete is not None and end_of(hour) <= complete)

    def judges(self, stream: Stream, hour: int, lacks_raw: bool) -> bool:
        """Whether an hour of an incarnation is judged of which raw files lack something or nothing."""
        if hour < self._evidence.proved_before:
            return True
        word = self._words[stream]
        if word.reason is Doubt.UNREADABLE or (lacks_raw and not self.reads_raw(stream, hour)):
            return False
        if self._everything:
            return True
        is_shipped = not lacks_raw or end_of(hour) <= word.shipped
        return self.is_over(hour) and end_of(hour) <= word.through and is_shipped

    def reads_raw(self, stream: Stream, hour: int) -> bool:
        """Whether all raw files that may hold its events of the hour could be read."""
        return self._unread_raw(stream, hour) is None

    def about_words(self) -> Iterator[Unproved]:
        """The hours that are due and reach beyond a word."""
        for stream, word in self._words.items():
            if word.through == ALWAYS:
                continue
            for hour in range(max(hour_of(word.through), self._from), hour_of(self._due) + 1):
                if self._is_due(hour) and word.through < min(end_of(hour), self._due):
                    yield Unproved(hour, *stream, word.reason, word.detail)

    def about_raw(self, stream: Stream, hour: int) -> Iterator[Unproved]:
        """That an hour that is not judged should be, if it is only for its raw files that it is not."""
        word = self._words[stream]
        if not self._is_due(hour) or word.reason is Doubt.UNREADABLE or word.through < min(end_of(hour), self._due):
            return
        unread = self._unread_raw(stream, hour)
        if unread is not None:
            yield Unproved(hour, *stream, Doubt.UNREADABLE, unread.says)
        else:
            yield Unproved(hour, *stream, Doubt.UNSHIPPED, f"events of it are in no raw file; {word.detail}")

    def _is_due(self, hour: int) -> bool:
        return (hour * MICROSECONDS_PER_HOUR if self._everything else end_of(hour) - 1) < self._due

    def _unread_raw(self, stream: Stream, hour: int) -> Unread | None:
        for one in self._evidence.unread:
            if one.hours is not None and one.concerns(stream) and one.hours[0] <= hour <= one.hours[1]:
                return one
        return None


def _due(evidence: Evidence, everything: bool) -> int:
    """The instant before which hours are due; 0 for none."""
    heard, complete = evidence.heard_since, evidence.complete_through
    if everything:
        return heard if heard is not None else complete or 0
    if complete is None:
        return 0
    return complete if heard is None else min(heard, complete)
