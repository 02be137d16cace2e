"""Restatements: when a release changes a number that had been final, each merchant's change is a row.

In: the release log. Out: ``ops.restatements``, one row for each (release, metric, merchant, bucket, currency), and a
document that says up to which release they are complete. A pure function of a release and the one before it, computed
after publishing and with a cursor of its own, so that publishing never waits for it. Never removed, also when the
releases themselves are beyond retention. They begin at a number's first final value: an hour counts from the release
after the first whose ``complete_through`` had reached its end.

Killed anywhere: the next run goes on from the document. What a killed one, or two at once, wrote twice is alike and
shown once, and the view shows whole releases only. Of two at once, the one that shows last has seen the newest
document.
"""

import dataclasses
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from lakehouse.clients import delta_log
from lakehouse.clients.files import Files, replace
from lakehouse.clients.trino import QueryFailedError, Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import BEFORE_FIRST_RELEASE, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.instants import from_micros
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import TableState
from lakehouse.releases.restated import REASONS, Part, Restated, restated
from lakehouse.transform import catalog, views
from lakehouse.transform.gold_columns import Columns
from lakehouse.transform.history import by_release, restatement_sql
from lakehouse.transform.history.restatement_sql import Change, Side

LONGEST = timedelta(seconds=20)
"""So long does one call work before it leaves the rest to the next: a cycle waits meanwhile."""

_COMPACT_EVERY = 100
"""Commits of the log."""
_TOO_LARGE = "MEMORY_LIMIT"
"""In the names of Trino's errors for a query that wants more memory than it may have."""
_MOST_SHARES = 4096


def update(trino: Trino, files: Files, layout: Layout, log: ReleaseLog, longest: timedelta = LONGEST) -> ReleaseNumber:
    """Looks at the releases that have not been looked at, one by one, until all are done or ``longest`` has passed.

    Returns the newest release that is done, 0 before the first. A release that changed nothing final costs a query for
    each table that it wrote, or none.
    """
    return _Restating(trino, files, layout, time.monotonic() + longest.total_seconds()).run(log.refresh())


def changes(old: Published, new: Published, final_through: datetime | None) -> list[Change]:
    """The gold tables of two releases that follow each other, where something final may differ.

    A table that one of them lacks is left out: what had not been shown is not restated.
    """
    if final_through is None:
        return []
    found = []
    for table in tables.GOLD_TABLES:
        name = f"{tables.GOLD_SCHEMA}.{table}"
        if name in old.release.tables and name in new.release.tables:
            was, becomes = (Side(one.release.tables[name], one.release.snapshot) for one in (old, new))
            reason = REASONS.get(new.release.kind, new.release.kind)
            change = Change(table, new.number, new.released_at, reason, was, becomes, final_through)
            found += [] if change.is_nothing else [change]
    return found


class _Restating:
    def __init__(self, trino: Trino, files: Files, layout: Layout, deadline: float) -> None:
        self._trino = trino
        self._files = files
        self._layout = layout
        self._deadline = deadline
        self._columns = Columns(trino)

    def run(self, releases: Sequence[Published]) -> ReleaseNumber:
        if not releases:
            return BEFORE_FIRST_RELEASE
        saved = done = self._saved() or self._begin(releases[0].number)
        final: int | None = None
        for old, new in pairwise(releases):
            final = _greater(final, old.release.complete_through)
            if new.number <= done.through:
                continue
            done = self._continue(done, changes(old, new, _instant(final)), new.number)
            if done.log != saved.log or done.left or time.monotonic() > self._deadline:
                saved = done = self._save(done, shows=done.log != saved.log)
            if done.left or time.monotonic() > self._deadline:
                break
        if done != saved:
            done = self._save(done, shows=False)
        return done.through

    def _begin(self, first: ReleaseNumber) -> Restated:
        by_release.make_table(self._trino, tables.RESTATEMENT_LOG, tables.RESTATEMENT_COLUMNS)
        return self._save(Restated(first, self._log_state()), shows=True)

    def _continue(self, done: Restated, found: list[Change], release: ReleaseNumber) -> Restated:
        """One release, or as many of its parts as there is time for."""
        left = self._plan(found) if done.left is None else done.left
        if not left:
            return Restated(release, done.log)
        by_table = {change.table: self._described(change) for change in found}
        while left:
            left = self._insert(by_table[left[0].table], left[0]) + left[1:]
            if left and time.monotonic() > self._deadline:
                return Restated(done.through, done.log, left)
        return Restated(release, self._log_state())

    def _insert(self, change: Change, part: Part) -> list[Part]:
        """What of it is left: nothing, or its halves where it did not fit into Trino's memory."""
        try:
            self._trino.query(restatement_sql.insert(change, part))
        except QueryFailedError as error:
            if _TOO_LARGE not in str(error) or part.shares > _MOST_SHARES:
                raise
            return restatement_sql.halves(part)
        return []

    def _described(self, change: Change) -> Change:
        """With the columns that the tables have."""
        old, new = (
            dataclasses.replace(side, columns=self._columns.of(change.table, side.state))
            for side in (change.old, change.new)
        )
        return dataclasses.replace(change, old=old, new=new)

    def _plan(self, found: list[Change]) -> list[Part]:
        planned: list[Part] = []
        for change in found:
            rows = [(row["month"], row["rows"]) for row in self._trino.query(restatement_sql.count(change))]
            planned += restatement_sql.parts(change.table, rows)
        return planned

    def _log_state(self) -> TableState:
        name = f"{tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RESTATEMENT_LOG}"
        location = catalog.location(self._trino, name)
        head = delta_log.head_version(self._files, location)
        if head is None:
            raise NotFoundError(
                f"{name} has no Delta log at {location}: its files are lost. What releases show is whole; "
                "restatements go on once that folder is put back from a copy. Do not make the table anew: rows of "
                "releases beyond the retention cannot be computed again"
            )
        if head % _COMPACT_EVERY == _COMPACT_EVERY - 1:
            by_release.compact(self._trino, tables.RESTATEMENT_LOG)
            head = delta_log.head_version(self._files, location) or head
        return TableState(tables.OPS_SCHEMA, location, head)

    def _show(self, done: Restated) -> None:
        assert done.log is not None
        self._trino.query(views.restatements_statement(done.log.delta_version, done.through))

    def _save(self, done: Restated, shows: bool) -> Restated:
        """The view first, so that after a kill it has what the document says. Another may have saved more meanwhile:
        that is kept. Then the view again, for the other may have shown in between what it had before. Returns what the
        document says."""
        if shows:
            self._show(done)
        known = self._saved()
        if known is None or known.through <= done.through:
            replace(self._files, self._layout.staging, self._layout.restated, msgspec.json.encode(done))
        shown: Restated | None = None
        while (saved := self._saved() or done) != shown and shows:
            self._show(saved)
            shown = saved
        return saved

    def _saved(self) -> Restated | None:
        return restated(self._files, self._layout)


def _greater(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
