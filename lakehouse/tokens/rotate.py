"""Rotates the key that hashes personal ids: ``lakehouse keys rotate-personal-ids``. The operator's side.

In: the first day of a new key. Out: the key in this host's folder, and its fingerprint in the list on HDFS. Promise: a
key is listed before any edge may read it; whatever is killed meanwhile, the same request again finishes the work.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.tokens.key_list import LEAD, KeyList, Listed, ListedKey, lacking, needed_from
from lakehouse.tokens.personal_keys import FIRST_DAY, PersonalKeyFolder, fingerprint


@dataclass(frozen=True)
class RotateRequest:
    first_day: date
    actor: str
    reason: str | None = None


@dataclass(frozen=True)
class Rotation:
    """What is done, or would be. ``path`` is to be copied to the hosts of all other edges before ``needed_from``."""

    request: RotateRequest
    path: Path
    needed_from: datetime
    was_listed: bool


class Rotate:
    """The verb, with the key folder of this host."""

    def __init__(self, files: Files, layout: Layout, folder: PersonalKeyFolder, max_future: timedelta) -> None:
        self._list = KeyList(files, layout)
        self._folder = folder
        self._max_future = max_future

    def plan(self, request: RotateRequest) -> Rotation:
        """Raises RefusedError. Changes nothing."""
        day, listed = request.first_day, self._list.read()
        was_listed = day in listed
        if was_listed:
            self._refuse_another(day, listed)
        else:
            self._refuse_too_near(day)
        self._refuse_incomplete(day, listed)
        return Rotation(request, self._folder.path(day), needed_from(day, self._max_future), was_listed)

    def carry_out(self, rotation: Rotation) -> None:
        request = rotation.request
        if not rotation.was_listed:
            self._list_new(request)
        self._folder.admit(request.first_day)

    def _list_new(self, request: RotateRequest) -> None:
        key = self._folder.make(request.first_day)
        try:
            self._list.add(request.first_day, ListedKey(fingerprint(key), request.actor, request.reason))
        except RefusedError:
            self._folder.discard(request.first_day)
            raise

    def _refuse_another(self, day: date, listed: Listed) -> None:
        made = self._folder.made(day)
        if made is None or fingerprint(made) != listed[day].fingerprint:
            raise RefusedError(
                f"{day} has a key already, which is not here; copy {self._folder.path(day).name} from the keys of the "
                "host that has made it"
            )

    def _refuse_too_near(self, day: date) -> None:
        earliest = earliest_day(self._list.now())
        if day < earliest:
            raise RefusedError(
                f"{day} is less than {LEAD // timedelta(hours=1)} hours away: every edge needs the key before, and "
                f"events may be dated ahead. The earliest day is {earliest}"
            )

    def _refuse_incomplete(self, day: date, listed: Listed) -> None:
        """This host's folder is what operators copy from."""
        if FIRST_DAY not in listed:
            raise RefusedError("no edge has hashed an id in this warehouse yet; start one first")
        prints = {first: entry.fingerprint for first, entry in listed.items() if first != day}
        if lacks := lacking(self._folder, self._folder.read(), prints, self._max_future):
            raise RefusedError(lacks[0].message)


def earliest_day(now: datetime) -> date:
    """The first that begins :data:`LEAD` from now, or later."""
    return (now + LEAD - timedelta(microseconds=1)).date() + timedelta(days=1)
