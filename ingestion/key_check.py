"""Whether this edge hashes personal ids with the keys of all others.

In: the key folder, and the list of keys on HDFS. Out: the keys to hash with, and a reason not to take events. Promise:
no event is hashed with another key than the one that is listed for the UTC day of its time. The same event sent again
through another edge, or after a rotation, would be another event.
"""

import logging
from collections.abc import Callable
from datetime import date

from ingestion.pseudonyms import PseudonymsByDay
from lakehouse import instants
from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.settings import Settings
from lakehouse.tokens.key_list import KNOWN_AHEAD, KeyList, Lack, lacking, start_of
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.personal_keys import FIRST_DAY, Keys, KnownList, PersonalKeyFolder, fingerprint

_SAVED_EVERY = 3_600_000_000
"""Microseconds; what a restart during an outage of HDFS forgets at most."""
_log = logging.getLogger(__name__)


class KeyCheck:
    """A poller makes its rounds. The list as it was read last outlives a restart."""

    def __init__(self, settings: Settings, files: Files, layout: Layout, now: Callable[[], int]) -> None:
        """``now`` is the edge's clock, by which it also judges how far ahead an event is."""
        self._folder = PersonalKeyFolder(KeyFolder(settings.keys_path))
        self._list = KeyList(files, layout)
        self._now = now
        self._max_future = settings.edge.max_future
        self._refused: tuple[int, str] | None = None
        self.lacks: list[Lack] = []
        """What an operator has to put right, now or later."""
        self._folder.ensure_first()
        self._known = self._saved = self._folder.known_list()
        keys = self._folder.read()
        self.pseudonyms = PseudonymsByDay(_by_start({day: key for day, key in keys.items() if key}))
        self._judge(keys)

    @property
    def warning(self) -> str | None:
        return self.lacks[0].message if self.lacks else None

    def refusal(self, now: int) -> str | None:
        """Why no event may be taken at ``now`` (microseconds); None if all is well."""
        return self._refused[1] if self._refused is not None and now >= self._refused[0] else None

    def round(self) -> None:
        """Raises NotReadyError if HDFS does not answer; what was read before and the folder are compared even so."""
        read_at, keys = self._now(), self._folder.read()
        try:
            self._known = KnownList(read_at, self._listed(keys))
        finally:
            self._judge(keys)
        self._save(self._known)

    def _listed(self, keys: Keys) -> dict[date, str]:
        listed = self._list.read()
        if FIRST_DAY not in listed:
            self._list.establish(keys[FIRST_DAY])
            listed = self._list.read()
        return {day: entry.fingerprint for day, entry in listed.items()}

    def _judge(self, keys: Keys) -> None:
        if (known := self._known) is None:
            return
        lacks = lacking(self._folder, keys, known.fingerprints, self._max_future)
        reasons = [(instants.to_micros(lack.needed_from), lack.message) for lack in lacks]
        self._refused = min([*reasons, self._unknown_from(known)])
        if lacks and lacks != self.lacks:
            _log.warning("%s; from %s on this edge takes no events without it", lacks[0].message, lacks[0].needed_from)
        self.lacks = lacks
        right = {day: key for day, key in keys.items() if known.fingerprints.get(day) == fingerprint(key)}
        if FIRST_DAY in right:
            self.pseudonyms.use(_by_start(right))

    def _unknown_from(self, known: KnownList) -> tuple[int, str]:
        """What is listed after the list was read holds for later events than this edge accepts until then."""
        read_at = instants.from_micros(known.read_at)
        return instants.to_micros(read_at + KNOWN_AHEAD - self._max_future), (
            f"the list of the keys that hash personal ids was read at {instants.to_text(read_at)}: another key may "
            "be in force. Look at HDFS"
        )

    def _save(self, known: KnownList) -> None:
        saved = self._saved
        if (
            saved is None
            or saved.fingerprints != known.fingerprints
            or abs(known.read_at - saved.read_at) >= _SAVED_EVERY
        ):
            self._folder.remember(known)
            self._saved = known


def _by_start(keys: Keys) -> dict[int, bytes]:
    return {instants.to_micros(start_of(day)): key for day, key in keys.items()}
