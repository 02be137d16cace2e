"""Rows of bronze back into the lines that they came from, as far as bronze tells. Pure.

In: rows of one segment, by sequence. Out: raw files in memory, each with its manifest. Promise: a bronze that is made
of these lines has the same rows as the one that they came from. (Stamps are whole milliseconds in bronze, and stay so;
requests of one merchant in one millisecond may become one line.)
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from lakehouse import instants
from lakehouse.clients.raw_files import pack
from lakehouse.clients.trino import Row
from lakehouse.contracts.records import FRAME_BYTES, AcceptedBatch, AcceptedEvent, RawEncoding, RawManifest
from lakehouse.ledger import spans

FILE_BYTES = 64 << 20
"""A raw file has so many bytes of lines at most, or one line: what memory holds."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class RawFile:
    """``name`` is its own: the segment may have other raw files, and one with other events is another."""

    manifest: RawManifest
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.manifest.segment}.{self.manifest.checksum[:16]}"


class _Event(AcceptedEvent, frozen=True, omit_defaults=True):
    """With the extensions as bronze has them: JSON."""

    extensions: msgspec.Raw | None = None  # type: ignore[assignment]


def raw_files(edge: str, segment: str, rows: Iterable[Row], most: int = FILE_BYTES) -> Iterator[RawFile]:
    """One file, or several where there is much."""
    batches: list[AcceptedBatch] = []
    lines: list[bytes] = []
    size = 0
    for batch in batches_of(edge, segment, rows):
        line = _encode(batch) + b"\n"
        if lines and size + len(line) > most:
            yield _file(batches, lines)
            batches, lines, size = [], [], 0
        batches.append(batch)
        lines.append(line)
        size += len(line)
    if lines:
        yield _file(batches, lines)


def batches_of(edge: str, segment: str, rows: Iterable[Row], most: int = FRAME_BYTES) -> Iterator[AcceptedBatch]:
    """Neighbours of one merchant and instant together, in lines of about ``most`` bytes. Of a position that bronze has
    twice, because Kafka delivered it twice, one row counts."""
    open_batch: AcceptedBatch | None = None
    size = expected = 0
    for row in rows:
        if row["seq"] < expected:
            continue
        accepted_at = instants.to_micros(row["accepted_at"])
        if open_batch is not None:
            same = (expected, open_batch.accepted_at, open_batch.merchant_id)
            if same != (row["seq"], accepted_at, row["merchant_id"]) or size >= most:
                yield open_batch
                open_batch = None
        if open_batch is None:
            open_batch, size = AcceptedBatch(edge, segment, row["seq"], accepted_at, row["merchant_id"], []), 0
        open_batch.events.append(_event(row))
        size += len(row["data"])
        expected = row["seq"] + 1
    if open_batch is not None:
        yield open_batch


def _event(row: Row) -> AcceptedEvent:
    extensions = row["extensions"]
    return _Event(
        id=row["id"],
        source=row["source"],
        type=row["type"],
        time=instants.to_micros(row["time"]),
        data=row["data"],
        subject=row["subject"],
        dataschema=row["dataschema"],
        extensions=None if extensions is None else msgspec.Raw(extensions.encode()),
        replay_of=row["replay_of"],
    )


def _file(batches: list[AcceptedBatch], lines: list[bytes]) -> RawFile:
    data = pack(b"".join(lines))
    held = spans.merge((one.first, one.first + len(one.events)) for one in batches)
    hours: Counter[str] = Counter()
    for one in batches:
        hours[instants.hour_text(one.accepted_at)] += len(one.events)
    manifest = RawManifest(
        edge=batches[0].edge,
        segment=batches[0].segment,
        first=held[0][0],
        last=held[-1][1] - 1,
        count=spans.size(held),
        bytes=len(data),
        checksum=hashlib.sha256(data).hexdigest(),
        hours=dict(hours),
        first_accepted_at=batches[0].accepted_at,
        last_accepted_at=batches[-1].accepted_at,
        encoding=RawEncoding.ZSTD,
        ranges=[(start, end - 1) for start, end in held],
        from_bronze=True,
    )
    return RawFile(manifest, data)
