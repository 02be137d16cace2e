"""What must be true once a round has gone all the way: nothing lost, nothing counted wrongly, at any station.

In: the line, and a round that it has built. Out: AssertionError with the first difference. The truth is what the edges
have accepted, and the naive computation from it.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from api.serving.gold_rows import run_from_arrow
from api.serving.runs import Currencies, rows_at
from lakehouse.clients.trino import Trino
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.contracts.tables import GOLD_MEASURES, MERCHANT_SALES, SLOT_SECONDS
from tests.fuzz.line import Line
from tests.fuzz.rounds import Round
from tests.support import naive_models
from tests.support.bronze_rows import Row
from tests.support.gold_state import expected_sales, newest

_EXACT = ("source", "id", "type", "subject", "dataschema", "replay_of", "data")


def bronze_has_it_all(line: Line, played: Round) -> None:
    """Each line as often as it was delivered, each event as it was accepted, its data to the byte."""
    found = line.bronze(played.merchants)
    positions = sorted((row["edge"], row["segment"], row["seq"]) for row in found)
    assert positions == sorted(row.position for row in played.rows)
    accepted = played.accepted
    instants = {row.position: (row.merchant_id, row.accepted_at, row.time) for row in played.rows}
    for row in found:
        position = (row["edge"], row["segment"], row["seq"])
        _assert_same(accepted[position], row)
        assert (row["merchant_id"], row["accepted_at"], row["time"]) == instants[position]


def _assert_same(event: AcceptedEvent, row: dict[str, Any]) -> None:
    assert {name: row[name] for name in _EXACT} == {name: getattr(event, name) for name in _EXACT}
    assert (json.loads(row["extensions"]) if row["extensions"] else None) == event.extensions


def difference(trino: Trino, version: int, rows: list[Row]) -> str | None:
    """The first thing in a gold version that is not as the naive computation has it, for the merchants of ``rows``."""
    merchants = sorted({row.merchant_id for row in rows})
    checks: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {
        "verdict": (verdicts(trino, version, merchants), naive_models.verdicts(rows)),
        "sales": (sales(trino, version, merchants), expected_sales(rows)),
        "page views": (traffic(trino, version, merchants), naive_models.page_views(rows)),
        "unreadable events": (unreadable(trino, version, merchants), {}),
    }
    for what, (found, expected) in checks.items():
        for key in sorted(found.keys() | expected.keys(), key=str):
            if found.get(key) != expected.get(key):
                return f"{what} of {key}: {found.get(key)} is there, {expected.get(key)} is right"
    return None


def _of(merchants: Sequence[str]) -> str:
    return "merchant_id IN (" + ", ".join(f"'{merchant}'" for merchant in merchants) + ")"


def verdicts(trino: Trino, version: int, merchants: Sequence[str]) -> dict[Any, list[str] | str]:
    """One for each position; a list where a position has more."""
    found: dict[Any, list[str] | str] = {}
    for row in trino.query(
        f"SELECT edge, segment, seq, 'event' AS verdict FROM lake.silver_v{version}.events WHERE {_of(merchants)} "
        f"UNION ALL SELECT edge, segment, seq, verdict FROM lake.silver_v{version}.duplicates WHERE {_of(merchants)}"
    ):
        position = (row["edge"], row["segment"], row["seq"])
        found[position] = [str(found[position]), row["verdict"]] if position in found else row["verdict"]
    return found


def sales(trino: Trino, version: int, merchants: Sequence[str]) -> dict[Any, dict[str, int]]:
    query = f"SELECT * FROM lake.gold_v{version}.merchant_sales WHERE {_of(merchants)} ORDER BY snapshot"
    return newest(trino.query(query), math.inf)


def traffic(trino: Trino, version: int, merchants: Sequence[str]) -> dict[Any, int]:
    query = f"SELECT * FROM lake.gold_v{version}.merchant_traffic WHERE {_of(merchants)} ORDER BY snapshot"
    known = {(row["merchant_id"], row["slot"]): row["page_views"] for row in trino.query(query)}
    return {key: count for key, count in known.items() if count}


def unreadable(trino: Trino, version: int, merchants: Sequence[str]) -> dict[Any, str]:
    """Sales that the models could not read: the edge has accepted them, so there must be none."""
    query = f"SELECT edge, segment, seq FROM lake.silver_v{version}.sales_facts WHERE unreadable AND {_of(merchants)}"
    return {(row["edge"], row["segment"], row["seq"]): "unreadable" for row in trino.query(query)}


def api_reads_it(line: Line, played: Round) -> None:
    """The insights API's reader of gold, with amounts beyond 64 bits, against the naive computation."""
    measures, currencies = GOLD_MEASURES[MERCHANT_SALES], Currencies()
    run = run_from_arrow(line.gold(MERCHANT_SALES, played.merchants), measures, currencies)
    found = {}
    for merchant in played.merchants:
        rows = rows_at((run,), merchant.encode(), 2**31 - 1, 0, 2**31 - 1, measures)
        for place in range(len(rows.slot)):
            key = (merchant, int(rows.slot[place]) * SLOT_SECONDS, currencies.codes[rows.currency[place]])
            found[key] = {name: int(rows.measures[name][place]) for name in measures if rows.measures[name][place]}
    expected = {(key[0], int(key[1].timestamp()), key[2]): value for key, value in expected_sales(played.rows).items()}
    assert {key: value for key, value in found.items() if value} == expected
