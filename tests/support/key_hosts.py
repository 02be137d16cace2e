"""Hosts of edges with key folders of their own, and an HDFS whose clock the test sets."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ingestion.envelope import Envelope
from ingestion.key_check import KeyCheck
from lakehouse import instants
from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotReadyError
from lakehouse.settings import Settings, TokenSettings
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.personal_keys import FIRST_DAY, PersonalKeyFolder
from lakehouse.tokens.rotate import Rotate, RotateRequest, Rotation

LAYOUT = Layout("/lakehouse")


class Hdfs(LocalFiles):
    """All its stamps are ``now``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def stat(self, path: str) -> Entry:
        found = super().stat(path)
        return Entry(found.path, found.is_folder, found.size, instants.to_micros(self.now) // 1000)


class Way(LocalFiles):
    """HDFS as a host sees it that may lose the way to it."""

    is_lost = False

    def list(self, folder: str) -> list[Entry]:
        if self.is_lost:
            raise NotReadyError("HDFS does not answer")
        return super().list(folder)


class Host:
    """One edge. ``skew`` is by how much its clock differs from HDFS's."""

    def __init__(self, home: Path, hdfs: Hdfs, skew: timedelta = timedelta(0)) -> None:
        self.settings = Settings(home=home, tokens=TokenSettings(exchange_interval=timedelta(0)))
        self.folder = PersonalKeyFolder(KeyFolder(self.settings.keys_path))
        self.hdfs, self.way = hdfs, Way(hdfs.root)
        self.skew = skew

    def start(self) -> None:
        self.check = KeyCheck(self.settings, self.way, LAYOUT, lambda: self.now)
        self.envelope = Envelope(self.settings.edge, self.check.pseudonyms)

    def ask(self) -> None:
        with suppress(NotReadyError):
            self.check.round()

    @property
    def now(self) -> int:
        return instants.to_micros(self.hdfs.now + self.skew)

    @property
    def refusal(self) -> str | None:
        return self.check.refusal(self.now)

    def rotate(self, first_day: date, actor: str = "olga") -> Rotation:
        verb = Rotate(self.hdfs, LAYOUT, self.folder, self.settings.edge.max_future)
        rotation = verb.plan(RotateRequest(first_day, actor, "yearly"))
        verb.carry_out(rotation)
        return rotation

    def copy_keys(self, other: "Host") -> None:
        """As an operator does: all that the other host has."""
        self.settings.keys_path.mkdir(parents=True, exist_ok=True)
        for day in {FIRST_DAY, *other.folder.read()}:
            self.folder.path(day).write_bytes(other.folder.path(day).read_bytes())
