"""What the benchmarks of releases have in common: a stack with a history that readers see, and what it has counted.

In: a station and a :class:`History`. Out: the rows that the current release counts, once they are there, and the sums
of a gold version, by which two ways to build it are compared.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from kafka import KafkaAdminClient, TopicPartition

from bench.history import History, midnight, vouch, write
from bench.station import Station
from lakehouse.clients import delta_log
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.tables import CATALOG, GOLD_SCHEMA, SILVER_SCHEMA, physical_schema
from lakehouse.contracts.topics import EVENTS
from lakehouse.errors import LakehouseError
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.versions import Versions

Say = Callable[[str], None]
DAYS = 60
"""So long is the history, whatever its size."""
PATIENCE = 7200.0


@dataclass
class Shown:
    """Counts bronze rows up to where a release stands."""

    station: Station
    _through: int = -1
    _rows: int = 0

    def rows(self) -> int:
        """Of the release that the API shows."""
        number = _status(self.station).get("current_release")
        if number is None:
            return 0
        through = self.station.log.get(ReleaseNumber(number)).release.bronze.delta_version
        table = self.station.layout.bronze(FIRST_GENERATION)
        for commit in delta_log.commits(self.station.files, table, self._through, through):
            said = delta_log.bronze_commit(commit)
            self._rows += said.rows if said else 0
        self._through = max(self._through, through)
        return self._rows

    def wait(self, rows: int, say: Say, patience: float = PATIENCE) -> float:
        """Seconds until the API shows so many rows."""
        began = said = time.monotonic()
        while (found := self.rows()) < rows:
            now = time.monotonic()
            if now - began > patience:
                raise LakehouseError(f"{found:,} of {rows:,} rows are shown after {patience:.0f} s")
            if now - said > 15:
                say(f"{found:,} of {rows:,} rows are shown")
                said = now
            time.sleep(0.1)
        return time.monotonic() - began


@dataclass(frozen=True)
class Scene:
    """A running stack whose readers see ``history``; ``rows`` of bronze it was when that was written."""

    station: Station
    history: History
    rows: int


def furnish(station: Station, wanted: int, say: Say) -> Scene:
    """Puts a history into bronze, starts the stack and waits until readers see all of it."""
    history = History(wanted, DAYS, midnight())
    station.up("hdfs", "trino")
    url = station.settings.hdfs_url
    began = time.monotonic()
    hours = write(
        history,
        f"{url}{station.layout.bronze(FIRST_GENERATION)}",
        f"{url}{station.layout.quarantine(FIRST_GENERATION)}",
    )
    vouch(station.files, station.layout, hours)
    rows = hours.total()
    say(f"{rows:,} rows written to bronze in {time.monotonic() - began:.0f} s; the cycles take them up")
    station.up()
    say(f"readers see all of it after {Shown(station).wait(rows, say):.0f} s more")
    _age(station)
    return Scene(station, history, rows)


def _age(station: Station) -> None:
    """Kafka has let its first record go, as it has long let go those of the history: from then on bronze speaks for
    what aged out."""
    topic, deadline = EVENTS.name, time.monotonic() + PATIENCE
    while True:
        current = station.log.current()
        assert current is not None, "the stack has been furnished"
        newest = Versions(station.files, station.layout).snapshot(
            current.release.gold_version, current.release.snapshot
        )
        consumed = [number for number, offsets in newest.offsets.get(topic, {}).items() if offsets.end > 0]
        if consumed:
            break
        if time.monotonic() > deadline:
            raise LakehouseError(f"no record of {topic} has been consumed after {PATIENCE:.0f} s")
        time.sleep(1)
    admin = KafkaAdminClient(bootstrap_servers=station.settings.kafka_bootstrap)
    admin.delete_records({TopicPartition(topic, consumed[0]): 1})
    admin.close()


def reprocess(station: Station) -> GoldVersionNumber:
    """The candidate's number."""
    return GoldVersionNumber(int(station.run("reprocess", "--from", "bronze").splitlines()[-1]))


def sums(station: Station, version: GoldVersionNumber) -> dict[str, int]:
    """What a gold version holds: rows of silver, and the totals of gold as readers see them."""
    silver = f"{CATALOG}.{physical_schema(SILVER_SCHEMA, version)}"
    gold = f"{CATALOG}.{physical_schema(GOLD_SCHEMA, version)}"
    newest = "SELECT {columns} FROM {table} GROUP BY {keys}"
    money = "max_by(gross_sales, snapshot) AS gross, max_by(orders, snapshot) AS orders"
    sales = newest.format(columns=money, table=f"{gold}.merchant_sales", keys="merchant_id, slot, currency")
    views = "max_by(page_views, snapshot) AS views"
    traffic = newest.format(columns=views, table=f"{gold}.merchant_traffic", keys="merchant_id, slot")
    row = station.trino.query(
        f"SELECT (SELECT count(*) FROM {silver}.events) AS events, "
        f"(SELECT count(*) FROM {silver}.duplicates) AS duplicates, "
        f"s.gross, s.orders, v.views FROM (SELECT sum(gross) AS gross, sum(orders) AS orders FROM ({sales})) AS s, "
        f"(SELECT sum(views) AS views FROM ({traffic})) AS v"
    )[0]
    return {name: int(value or 0) for name, value in row.items()}


def current_version(station: Station) -> GoldVersionNumber:
    current = station.log.current()
    assert current is not None, "the stack has been furnished"
    return current.release.gold_version


def _status(station: Station) -> dict[str, int | None]:
    try:
        answer: dict[str, int | None] = httpx.get(f"{station.settings.insights_url}/v1/status", trust_env=False).json()
    except httpx.TransportError:
        return {}
    return answer
