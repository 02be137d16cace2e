"""Two edges on HDFS, one of which is dead: what ``edge list`` and ``edge retire`` look at."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from lakehouse import instants
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger.model import Evidence, Run, Stage
from lakehouse.ledger.retire import Retire
from lakehouse.ledger.retirement import read_retirements

HOUR = 490_000
DEAD, LIVE = "00000000000000aa", "00000000000000bb"


class EdgeStack:
    """Two edges: one that lives, and one whose last word is long ago. Kafka has 4 of its 7 events, raw files 2."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.files, self.folder, self.layout = LocalFiles(folder), folder, layout
        self.speaking: set[str] = set()
        dead = EdgeLedger("edge-2", DEAD, 7, {"2025-11-24T16": 7}, 1, 1, delivered=3, shipped=2, watermark=1)
        self.write(dead, timedelta(minutes=31))
        live = EdgeLedger("edge-1", LIVE, 3, {"2025-11-24T16": 3}, 1, 1, delivered=3, shipped=3)
        self.write(live, timedelta(0))
        runs = {name: Run("edge-2", f"{DEAD}-0", 0, last, HOUR) for name, last in (("kafka", 3), ("raw", 1))}
        stages = {Stage.KAFKA: (runs["kafka"],), Stage.BRONZE: (runs["kafka"],), Stage.SILVER: (runs["kafka"],)}
        self.evidence = Evidence(ledgers=(dead, live), stages={**stages, Stage.RAW: (runs["raw"],)})

    def write(self, ledger: EdgeLedger, age: timedelta) -> None:
        path = self.layout.edge_ledger(ledger.edge, ledger.incarnation)
        self.files.write(path, msgspec.json.encode(ledger))
        stamp = (instants.now() - age).timestamp()
        os.utime(self.folder / path.lstrip("/"), (stamp, stamp))

    def read(self) -> Evidence:
        retired = read_retirements(self.files, self.layout)
        return replace(
            self.evidence,
            lost=tuple(run for one in retired for run in one.runs(one.lost)),
            raw_gaps=tuple(run for one in retired for run in one.runs(one.raw_gaps)),
            retired={one.stream: one.accepted for one in retired},
        )

    def verb(self, settings: Any, files: Any) -> Retire:
        def speaks(incarnation: str, since: datetime) -> bool:
            return incarnation in self.speaking

        return Retire(settings, self.files, self.read, speaks)

    def documents(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
