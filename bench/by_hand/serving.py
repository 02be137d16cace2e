"""The serving store (``api/serving/runs.py``) beside DuckDB and Polars, over the same rows of gold.

In: a number of rows. Out: how long one merchant's hours of gross sales take, by each; all must agree to the unit.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from api.serving.gold_rows import run_from_arrow
from api.serving.runs import Currencies, rows_at
from bench.figures import Figure
from bench.rounds import interleaved, spread
from lakehouse.contracts.tables import GOLD_MEASURES, MERCHANT_SALES, MONEY_MEASURES, SLOT_SECONDS

SLOTS = 90 * 86_400 // SLOT_SECONDS
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_SLOT = int(START.timestamp()) // SLOT_SECONDS
REWRITTEN = 0.05
ASKED = 200
"""Merchants that are asked for in a round, one after the other."""
Hours = dict[int, int]
Ask = Callable[[str, int], Hours]


@dataclass(frozen=True)
class Gold:
    """Rows as they lie in ``gold_v1.merchant_sales``; one in twenty keys was written again by the second snapshot."""

    table: pa.Table
    merchants: list[str]


def gold(rows: int, seed: int = 20261129) -> Gold:
    chance = np.random.default_rng(seed)
    merchants = [f"shop-{number:05d}" for number in range(max(1, rows // 500))]
    keys = np.unique(chance.integers(0, len(merchants) * SLOTS, rows))
    again = keys[chance.random(len(keys)) < REWRITTEN]
    both = np.concatenate((keys, again))
    snapshot = np.concatenate((np.ones(len(keys), np.int64), np.full(len(again), 2)))
    measures = {name: pa.array(chance.integers(0, 100_000, len(both))) for name in GOLD_MEASURES[MERCHANT_SALES]}
    money = {name: measures[name].cast(pa.decimal128(38, 0)) for name in MONEY_MEASURES}
    seconds = (FIRST_SLOT + both % SLOTS) * SLOT_SECONDS
    columns = {
        "merchant_id": pa.DictionaryArray.from_arrays(pa.array(both // SLOTS), pa.array(merchants)).cast(pa.string()),
        "slot": pa.array(seconds, pa.timestamp("s")).cast(pa.timestamp("us", "UTC")),
        "currency": pa.array(["BRL"] * len(both)),
        **measures,
        **money,
        "snapshot": pa.array(snapshot),
    }
    return Gold(pa.table(columns).sort_by([("merchant_id", "ascending"), ("slot", "ascending")]), merchants)


def by_runs(found: Gold) -> Ask:
    runs = (run_from_arrow(found.table, GOLD_MEASURES[MERCHANT_SALES], Currencies()),)

    def ask(merchant: str, days: int) -> Hours:
        last = FIRST_SLOT + SLOTS
        rows = rows_at(runs, merchant.encode(), 2, last - days * 96, last, ["gross_sales"])
        hours, places = np.unique(rows.slot // 4, return_inverse=True)
        sums = np.zeros(len(hours), np.int64)
        np.add.at(sums, places, rows.measures["gross_sales"])
        return dict(zip((hours * 3600).tolist(), sums.tolist(), strict=True))

    return ask


def by_duckdb(found: Gold) -> Ask:
    """Its own table, sorted by merchant, so that its zone maps prune."""
    connection = duckdb.connect()
    connection.register("arrow", found.table)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE gold AS SELECT * FROM arrow ORDER BY merchant_id, slot")
    statement = (
        "SELECT epoch(date_trunc('hour', slot))::BIGINT, sum(gross_sales) FROM ("
        "SELECT slot, currency, arg_max(gross_sales, snapshot) AS gross_sales FROM gold "
        "WHERE merchant_id = ? AND slot >= ? AND snapshot <= 2 GROUP BY slot, currency) GROUP BY ALL"
    )

    def ask(merchant: str, days: int) -> Hours:
        rows = connection.execute(statement, [merchant, _since(days)]).fetchall()
        return {hour: int(value) for hour, value in rows}

    return ask


def by_polars(found: Gold) -> Ask:
    """A frame in memory that knows that it is sorted by merchant."""
    frame = pl.DataFrame(pl.from_arrow(found.table)).with_columns(pl.col("merchant_id").set_sorted())

    def ask(merchant: str, days: int) -> Hours:
        wanted = (pl.col("merchant_id") == merchant) & (pl.col("slot") >= _since(days)) & (pl.col("snapshot") <= 2)
        newest = frame.lazy().filter(wanted).sort("snapshot").unique(["slot", "currency"], keep="last")
        hours = newest.group_by(pl.col("slot").dt.truncate("1h")).agg(pl.col("gross_sales").sum()).collect()
        return {int(hour.timestamp()): int(Decimal(value)) for hour, value in hours.iter_rows()}

    return ask


CONTENDERS: dict[str, Callable[[Gold], Ask]] = {
    "runs of ours": by_runs,
    "DuckDB, in memory": by_duckdb,
    "Polars, in memory": by_polars,
}


def measure(rows: int, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    found = gold(rows)
    asks = {name: make(found) for name, make in CONTENDERS.items()}
    chance, figures = random.Random(1), []
    for days in (7, 90):
        asked = chance.choices(found.merchants, k=ASKED)
        for merchant in asked[:10]:
            answers = [ask(merchant, days) for ask in asks.values()]
            assert all(answer == answers[0] for answer in answers), merchant
        spreads = interleaved({name: _round(ask, asked, days) for name, ask in asks.items()}, rounds, say)
        figures += [
            Figure(name, "one merchant's hours", "ms", spread([each * 1000 for each in one.samples]), f"{days} days")
            for name, one in spreads.items()
        ]
    return figures


def _round(ask: Ask, asked: list[str], days: int) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        for merchant in asked:
            ask(merchant, days)
        return (time.perf_counter() - began) / len(asked)

    return seconds


def _since(days: int) -> datetime:
    return START + timedelta(days=90 - days)
