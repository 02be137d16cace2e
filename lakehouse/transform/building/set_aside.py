"""Events that the models of a gold version cannot take, and that a cycle has therefore set aside.

In: a version. Out: its :class:`Aside`, a document beside the version; the models write what meets one of its rules to
``silver.duplicates`` with the verdict ``set_aside`` and the query's words, and count it nowhere. A rule is never taken
back: a definition that can take these events builds a version of its own, which begins without rules.
"""

from typing import Any

import msgspec

from lakehouse.clients.files import Files, replace
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.releases.model import BronzeCursor
from lakehouse.transform.building.literals import timestamp

MOST_ALONE = 3
"""Of so many events of one merchant and type each has a rule of its own; then there is one for all that follow."""
MOST_RULES = 64
"""Where a version needs more, it is not the events."""
LONGEST_WORDS = 500


class Position(msgspec.Struct, frozen=True, order=True):
    """An event's place in the order of acceptance. ``accepted_at`` is in microseconds."""

    accepted_at: int
    edge: str
    segment: str
    seq: int

    @property
    def variables(self) -> dict[str, Any]:
        """As the models read it."""
        return msgspec.structs.asdict(self) | {"accepted_at": timestamp(self.accepted_at)}


class Rule(msgspec.Struct, frozen=True):
    """One event that fails; with ``and_all_after``, all that its merchant sends of its type from then on.

    ``words`` are those of the query that failed on it while ``snapshot`` was built.
    """

    position: Position
    merchant_id: str
    type: str
    words: str
    snapshot: SnapshotNumber
    and_all_after: bool = False

    @property
    def variables(self) -> dict[str, Any]:
        """As the models read it."""
        return msgspec.structs.asdict(self) | {"position": self.position.variables}


class Failed(msgspec.Struct, frozen=True):
    """The bronze commits, after ``after`` and up to ``through``, on which a build has failed."""

    generation: GenerationNumber
    after: int
    through: int


class Aside(msgspec.Struct, frozen=True):
    """``failed``: the input of the last build that failed by its data. What fails on the same input again is no
    accident. ``hopeless``: the input on which the definition is known to be at fault."""

    rules: tuple[Rule, ...] = ()
    failed: Failed | None = None
    hopeless: Failed | None = None

    def suspects(self, cursor: BronzeCursor) -> bool:
        """Whether what comes after the cursor has been part of an input that failed."""
        failed = self.failed
        return failed is not None and failed.generation == cursor.generation and cursor.delta_version < failed.through

    def with_rule(self, rule: Rule) -> "Aside":
        """Where a merchant has had too many of a type, one rule takes the place of theirs."""
        alike = [one for one in self.rules if (one.merchant_id, one.type) == (rule.merchant_id, rule.type)]
        if len(alike) < MOST_ALONE:
            return msgspec.structs.replace(self, rules=(*self.rules, rule))
        first = min((*alike, rule), key=lambda one: one.position)
        wide = msgspec.structs.replace(rule, position=first.position, and_all_after=True)
        return msgspec.structs.replace(self, rules=(*(one for one in self.rules if one not in alike), wide))


class AsideDocuments:
    """Those of a warehouse. Who writes one holds the version's lock."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout

    def of(self, version: GoldVersionNumber) -> Aside:
        try:
            return msgspec.json.decode(self._files.read(self._layout.gold_version_set_aside(version)), type=Aside)
        except NotFoundError:
            return Aside()

    def keep(self, version: GoldVersionNumber, aside: Aside) -> None:
        path = self._layout.gold_version_set_aside(version)
        replace(self._files, self._layout.staging, path, msgspec.json.encode(aside))
