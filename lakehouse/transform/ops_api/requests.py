"""What an operator may ask for: the bodies of the requests, and a part of the operation that is kept.

In: JSON. Out: one of six requests, checked as far as it can be without looking at the warehouse; an unknown field is
an error, because a misspelt bound would rebuild all of history.
"""

import json
import re
from typing import Annotated, TypeVar

import msgspec

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.errors import RefusedError
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.instants import bound
from lakehouse.ledger.retire import RetireRequest
from lakehouse.quarantine.mend import Mend, mend_of
from lakehouse.quarantine.selection import Named, Selection, Where
from lakehouse.transform.backfill import plan
from lakehouse.transform.backfill.plan import Source
from lakehouse.transform.maintenance.drop import DropRequest
from lakehouse.transform.publishing.promote import PromoteRequest
from lakehouse.transform.publishing.rollback import RollbackRequest

_RANGE = msgspec.Meta(ge=1, le=2**31)
_GoldVersion = Annotated[GoldVersionNumber, _RANGE]
_Release = Annotated[ReleaseNumber, _RANGE]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your own words.")]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
DryRun = Annotated[bool, msgspec.Meta(description="Answer what would be done, and change nothing.")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Bound = Annotated[str, msgspec.Meta(max_length=64, description="A UTC day, or an instant for the day it lies in.")]


class Reprocess(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag="reprocess"
):
    """Build history anew beside what readers see. ``definition`` is the fingerprint of a frozen one; without it, that
    of the release that readers see."""

    source: Source = msgspec.field(default=Source.BRONZE, name="from")
    since: Bound | None = None
    until: Bound | None = None
    definition: Fingerprint | None = None
    reuse_unchanged: bool = False
    reason: Reason | None = None
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        request = self.planned("", None, "")
        if request.first is not None and request.end is not None and request.end <= request.first:
            raise ValueError("until must be after since")
        if self.reuse_unchanged and (self.source is Source.RAW or self.since is not None or self.until is not None):
            raise ValueError("reuse_unchanged goes with bronze and all of history")

    def planned(self, actor: str, fingerprint: str | None, operation: str | None) -> plan.ReprocessRequest:
        """The request as the verb takes it, from here and from the command line."""
        try:
            since, until = bound("since", self.since), bound("until", self.until)
        except RefusedError as error:
            raise ValueError(str(error)) from error
        return plan.ReprocessRequest(
            self.source,
            actor,
            self.reason,
            since,
            until,
            reuse=self.reuse_unchanged,
            fingerprint=fingerprint,
            operation=operation,
        )


class Promote(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag="promote"
):
    """Show readers a candidate. ``accept``: also with differences beyond the limit, or without some measures;
    ``accept_unproved``: although hours of these edges (or incarnations) cannot be judged. Both need ``reason``."""

    gold_version: _GoldVersion
    accept: bool = False
    accept_unproved: Annotated[list[_Text], msgspec.Meta(max_length=1000)] = []
    reason: Reason | None = None
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        if self.accept and self.reason is None:
            raise ValueError("accept needs a reason")
        if self.accept_unproved and self.reason is None:
            raise ValueError("accept_unproved needs a reason")

    def planned(self, actor: str, operation: str | None, seen: ReleaseNumber | None) -> PromoteRequest:
        return PromoteRequest(
            self.gold_version, actor, self.reason, self.accept, operation, seen, tuple(self.accept_unproved)
        )


class Rollback(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag="rollback"
):
    """Show readers the gold version that was current before the last promote, or that of the release ``to``; with
    ``exact`` that release's own numbers."""

    to: _Release | None = None
    exact: bool = False
    reason: Reason | None = None
    dry_run: DryRun = False

    def planned(self, actor: str, operation: str | None, seen: ReleaseNumber | None) -> RollbackRequest:
        return RollbackRequest(actor, self.to, self.exact, self.reason, operation, seen)


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag="drop"):
    """A candidate is needed no more."""

    gold_version: _GoldVersion
    reason: Reason | None = None
    dry_run: DryRun = False

    def planned(self, actor: str, operation: str | None) -> DropRequest:
        return DropRequest(self.gold_version, actor, self.reason, operation)


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All must hold. ``since`` and ``until`` are UTC days or instants."""

    reason: _Text | None = None
    merchant: _Text | None = None
    since: _Text | None = None
    until: _Text | None = None
    station: _Text | None = None


class QuarantineReplay(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="verb",
    tag="quarantine-replay",
):
    """Send what was refused through the edge again: ``entries`` by name, or all that meet ``where``; ``mend`` is a jq
    program or a JSON patch. With ``dry_run`` the operation ends with what would be sent and what it would add."""

    entries: Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    where: Conditions | None = None
    mend: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)] | None = None
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        if (self.entries is None) == (self.where is None):
            raise ValueError("give either entries or where")
        try:
            self.selection()
            self.mended()
        except RefusedError as error:
            raise ValueError(str(error)) from error

    def selection(self) -> Selection:
        if self.where is None:
            return Named.of(self.entries or ())
        return Where.of(**msgspec.structs.asdict(self.where))

    def mended(self) -> Mend | None:
        return None if self.mend is None else mend_of(self.mend)


class EdgeRetire(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag="edge-retire"
):
    """Book as lost what an edge still owes whose disk is gone, by its ``incarnation``; ``lost`` says that it is. With
    ``dry_run`` the operation ends with what would be booked."""

    incarnation: _Text
    reason: Reason
    lost: bool = False
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        if not self.lost:
            raise ValueError("lost must be true: an edge whose disk is there still delivers, once it is started again")

    def planned(self, actor: str, operation: str) -> RetireRequest:
        return RetireRequest(self.incarnation.rpartition("/")[2], self.lost, actor, self.reason, operation)


_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
Planned = Reprocess | Promote | Rollback | Drop
"""What answers a dry run at once."""
Request = Planned | QuarantineReplay | EdgeRetire
W = TypeVar("W", Reprocess, Promote, Rollback, Drop, QuarantineReplay, EdgeRetire)


def read(body: bytes, kind: type[W]) -> W:
    """Raises 400."""
    try:
        json.loads(body or b"{}", object_pairs_hook=_checked)
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise ProblemError(Kind.BAD_PARAMETER, f"{error}; /docs shows what the body may be") from error
    except RecursionError as error:
        raise ProblemError(Kind.UNREADABLE_BODY, "the body is nested too deep") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ProblemError(Kind.UNREADABLE_BODY, f"the body is no JSON object: {error}") from error


def _checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON's decoders take the last of two; which of them is meant, only the operator knows. A text is one that logs
    and files can hold."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProblemError(Kind.BAD_PARAMETER, "a field is given twice")
    for name, value in pairs:
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise ProblemError(Kind.BAD_PARAMETER, f"{name!r} holds a NUL, or half of a surrogate pair")
    return found


def verb(request: Request) -> str:
    """``reprocess``, ``promote``, ``rollback``, ``drop``, ``quarantine-replay`` or ``edge-retire``."""
    return str(type(request).__struct_config__.tag)
