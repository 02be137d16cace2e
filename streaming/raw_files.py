"""The committed raw files that a bronze generation does not have yet, in the order in which they were accepted.

In: the folder of raw files. Out: files with their manifests, checked against them, in groups of bounded size. A file
without its manifest does not exist; a manifest that contradicts itself commits nothing.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from lakehouse.clients.files import Files
from lakehouse.contracts.layout import RAW_SUFFIXES, Layout
from lakehouse.contracts.records import RawEncoding, RawManifest
from lakehouse.errors import LakehouseError
from streaming.known_batches import Known, held_by

log = logging.getLogger(__name__)

_MANIFEST = ".manifest.json"
_READERS = 4
MOST_FILES = 2_000
"""In a group: a quiet edge ships many small files."""


class DamagedRawFileError(LakehouseError):
    """A raw file is not what its manifest says."""


@dataclass(frozen=True)
class RawFile:
    """A committed raw file; ``path`` is without scheme and host."""

    path: str
    manifest: RawManifest


def missing(files: Files, layout: Layout, known: Known) -> list[RawFile]:
    """The raw files that are not in bronze yet, oldest first. One from bronze is not needed where an edge, thought to
    be lost, has shipped the same after all."""
    found = [
        entry.path
        for day in files.list(layout.raw)
        for entry in files.list(day.path)
        if entry.name.endswith(_MANIFEST) and not _is_known(known, entry.name.removesuffix(_MANIFEST))
    ]
    with ThreadPoolExecutor(_READERS) as pool:
        manifests = pool.map(lambda path: msgspec.json.decode(files.read(path), type=RawManifest), found)
        raw = [
            RawFile(path.removesuffix(_MANIFEST) + RAW_SUFFIXES[RawEncoding(manifest.encoding)], manifest)
            for path, manifest in zip(found, manifests, strict=True)
            if _is_sound(path, manifest)
        ]
    held = known | held_by(each.manifest for each in raw if not each.manifest.from_bronze)
    wanted = [each for each in raw if not (each.manifest.from_bronze and held.holds(each.manifest))]
    return sorted(wanted, key=lambda each: (each.manifest.first_accepted_at, each.manifest.segment))


def groups(raw: Iterable[RawFile], events: int) -> Iterator[list[RawFile]]:
    """Cuts into groups of at most so many events and :data:`MOST_FILES` files, or of one file that has more events."""
    group: list[RawFile] = []
    held = 0
    for each in raw:
        if group and (held + each.manifest.count > events or len(group) == MOST_FILES):
            yield group
            group, held = [], 0
        group.append(each)
        held += each.manifest.count
    if group:
        yield group


def check(files: Files, raw: Iterable[RawFile]) -> None:
    """Raises :class:`DamagedRawFileError` if a file's bytes are not those of its manifest."""
    with ThreadPoolExecutor(_READERS) as pool:
        for each, found in pool.map(lambda each: (each, _checksum(files, each.path)), raw):
            if found != (each.manifest.bytes, each.manifest.checksum):
                raise DamagedRawFileError(
                    f"{each.path} is not what its manifest says ({found[0]} bytes, not {each.manifest.bytes}). "
                    "Nothing of it was taken. Look at `lakehouse status`; if HDFS has lost the file for good, move it "
                    "and its manifest away: what Kafka still has of the segment is then taken from there."
                )


def _checksum(files: Files, path: str) -> tuple[int, str]:
    data = files.read(path)
    return len(data), hashlib.sha256(data).hexdigest()


def _is_known(known: Known, segment: str) -> bool:
    try:
        return known.holds_file(segment)
    except ValueError:
        return False


def _is_sound(path: str, manifest: RawManifest) -> bool:
    if not manifest.consistent:
        log.warning("%s contradicts itself, and its raw file is left out", path)
    elif manifest.encoding not in set(RawEncoding):
        raise LakehouseError(
            f"{path} names the encoding {manifest.encoding}, which this edition cannot read: update it"
        )
    return manifest.consistent
