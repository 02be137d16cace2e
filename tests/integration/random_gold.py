"""Gold tables of random rows that Trino wrote on HDFS, their releases, and Trino's own answer about them."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from lakehouse.clients import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import CATALOG, GOLD_KEYS, GOLD_MEASURES, MONEY_MEASURES
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    GoldVersion,
    Plan,
    TableState,
    new_nonce,
)
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from tests.support.release_documents import DEFINITION, next_release, snapshot

MERCHANTS = ("anna", "bert", "carl")
FIRST_SLOT = datetime(2026, 3, 1, tzinfo=UTC)
LAST_SLOT = datetime(2026, 4, 15, tzinfo=UTC)


@dataclass
class Gold:
    """Gold tables of one version, written by Trino as a build writes them, in a schema and warehouse of our own."""

    trino: Trino
    settings: Settings
    version: int = 1
    schema: str = field(default_factory=lambda: f"insights_{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.files = HdfsFiles(self.settings.hdfs_url)
        self.layout = Layout(self.settings.warehouse)
        self.log = ReleaseLog(self.files, self.layout)
        location = f"{self.settings.warehouse_url}/gold"
        self.trino.query(f"CREATE SCHEMA {CATALOG}.{self.schema} WITH (location = '{location}')")
        for table in GOLD_KEYS:
            self.trino.query(f"CREATE TABLE {self.name(table)} ({_columns(table)}) WITH ({_PARTITIONED})")

    def name(self, table: str) -> str:
        return f"{CATALOG}.{self.schema}.{table}"

    def write(self, table: str, snapshot: int, rows: int, seed: int) -> None:
        chance = random.Random(seed)
        values = ", ".join(_row(table, snapshot, key, chance) for key in _some_keys(table, rows, chance))
        self.trino.query(f"INSERT INTO {self.name(table)} VALUES {values}")

    def state(self, table: str) -> TableState:
        [row] = self.trino.query(
            f"SELECT DISTINCT regexp_replace(\"$path\", '/slot_month=.*$') AS url FROM {self.name(table)}"
        )
        location = str(row["url"]).removeprefix(self.settings.hdfs_url)
        head = delta_log.head_version(self.files, location)
        assert head is not None
        return TableState(self.schema, location, head)

    def states(self) -> dict[str, TableState]:
        return {f"gold.{table}": self.state(table) for table in GOLD_KEYS}

    def plan(self) -> None:
        """The document that makes this version a candidate."""
        plan = Plan("bronze", BronzeCursor(FIRST_GENERATION, 0), None, "test")
        made = GoldVersion(GoldVersionNumber(self.version), DEFINITION, 0, new_nonce(), plan)
        self.files.make_folder(self.layout.gold_version(GoldVersionNumber(self.version)))
        self.files.write(self.layout.gold_version_manifest(GoldVersionNumber(self.version)), msgspec.json.encode(made))

    def audit(self, number: int) -> None:
        Versions(self.files, self.layout).add_snapshot(snapshot(self.version, number, self.states()))

    def publish(self, number: int, kind: str = "cycle") -> Published:
        through = int(LAST_SLOT.timestamp() * 1_000_000)
        shown = snapshot(self.version, number, self.states(), complete_through=through)
        return self.log.append(next_release(self.log, shown, kind=kind, tzdata=""))

    def truth(self, published: Published, grain: str, zone: str) -> dict[tuple[str, str, int], int]:
        """Orders by merchant, metric and start of bucket (seconds), as Trino groups the release's rows."""
        found: dict[tuple[str, str, int], int] = {}
        for table, measure in (("merchant_sales", "orders"), ("merchant_traffic", "page_views")):
            state = published.release.tables[f"gold.{table}"]
            keys = ", ".join(GOLD_KEYS[table])
            rows = self.trino.query(
                f"SELECT merchant_id, to_unixtime(date_trunc('{grain}', slot AT TIME ZONE '{zone}')) AS start, "
                f"sum({measure}) AS total FROM (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY snapshot "
                f"DESC) AS place FROM {self.name(table)} FOR VERSION AS OF {state.delta_version} "
                f"WHERE snapshot <= {published.release.snapshot}) WHERE place = 1 GROUP BY 1, 2"
            )
            found |= {(r["merchant_id"], measure, int(r["start"])): int(r["total"]) for r in rows if r["total"]}
        return found


_PARTITIONED = "partitioned_by = ARRAY['slot_month']"


def _columns(table: str) -> str:
    keys = {"merchant_id": "varchar", "slot": "timestamp(3) with time zone", "currency": "varchar"}
    kinds = {key: keys[key] for key in GOLD_KEYS[table]}
    kinds |= {name: "decimal(38, 0)" if name in MONEY_MEASURES else "bigint" for name in GOLD_MEASURES[table]}
    return ", ".join(f"{name} {kind}" for name, kind in (kinds | {"snapshot": "bigint", "slot_month": "date"}).items())


def _some_keys(table: str, rows: int, chance: random.Random) -> list[tuple[str, datetime, str]]:
    slots = int((LAST_SLOT - FIRST_SLOT).total_seconds()) // 900
    found = {
        (
            chance.choice(MERCHANTS),
            FIRST_SLOT + timedelta(minutes=15 * chance.randrange(slots)),
            chance.choice(("BRL", "JPY")) if "currency" in GOLD_KEYS[table] else "",
        )
        for _ in range(rows)
    }
    return sorted(found)


def _row(table: str, snapshot: int, key: tuple[str, datetime, str], chance: random.Random) -> str:
    merchant, slot, currency = key
    texts = [f"'{merchant}'", f"TIMESTAMP '{slot:%Y-%m-%d %H:%M:%S} UTC'"]
    texts += [f"'{currency}'"] if currency else []
    texts += [
        f"DECIMAL '{chance.randrange(10**20)}'" if name in MONEY_MEASURES else str(chance.randrange(50))
        for name in GOLD_MEASURES[table]
    ]
    texts += [str(snapshot), f"DATE '{slot:%Y-%m-%d}'"]
    return f"({', '.join(texts)})"
