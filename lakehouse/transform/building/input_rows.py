"""The bronze rows that a build takes, one by one in the order of acceptance.

In: Trino and a build. Out: how many distinct positions there are, and which event stands at a place.
"""

from datetime import datetime
from typing import NamedTuple

from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.transform.building.build import Build
from lakehouse.transform.building.set_aside import Position

_COLUMNS = "accepted_at, edge, segment, seq, merchant_id, type"


class InputRow(NamedTuple):
    position: Position
    merchant_id: str
    type: str


class InputRows:
    """Of one build. Reads as often as it is asked: only who looks for an event asks."""

    def __init__(self, trino: Trino, plan: Build) -> None:
        self._trino = trino
        self._rows = f"SELECT DISTINCT {_COLUMNS} FROM {_input(plan)}"

    def __len__(self) -> int:
        return int(self._trino.query(f"SELECT count(*) AS n FROM ({self._rows})")[0]["n"])

    def __getitem__(self, place: int) -> InputRow:
        row = self._trino.query(f"{self._rows} ORDER BY 1, 2, 3, 4 OFFSET {place} ROWS FETCH FIRST ROW ONLY")[0]
        at: datetime = row["accepted_at"]
        position = Position(round(at.timestamp() * 1_000_000), row["edge"], row["segment"], row["seq"])
        return InputRow(position, row["merchant_id"], row["type"])


def _input(plan: Build) -> str:
    """As the models' macro ``arrivals_of`` reads it."""
    table = tables.bronze_table(plan.generation)
    if plan.from_version < 0:
        return f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{table} FOR VERSION AS OF {plan.to_version}"
    return (
        f"(SELECT * FROM TABLE({tables.CATALOG}.system.table_changes(schema_name => '{tables.BRONZE_SCHEMA}', "
        f"table_name => '{table}', since_version => {plan.from_version})) "
        f"WHERE _change_type = 'insert' AND _commit_version <= {plan.to_version})"
    )
