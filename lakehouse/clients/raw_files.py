"""Writes raw files on HDFS: the file first, then its manifest, which is the commit.

In: lines of a segment log, and what their manifest says. Out: both, on HDFS. Promise: a manifest that can be read names
a file that is whole. All may be repeated, after a kill at any step.
"""

import msgspec
import zstandard

from lakehouse import instants
from lakehouse.clients.files import Files, publish, replace
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import RawManifest
from lakehouse.errors import AlreadyExistsError

_LEVEL = 3
"""Of zstd; what is higher costs an edge more time than it saves bytes of JSON."""


def pack(lines: bytes) -> bytes:
    """One zstd frame. It names its size, so that a reader need not guess."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(lines)


def folder_of(manifest: RawManifest) -> str:
    """The day under which a raw file lies."""
    return instants.from_micros(manifest.first_accepted_at).date().isoformat()


def commit(files: Files, layout: Layout, manifest: RawManifest, data: bytes, name: str | None = None) -> None:
    """Raises AlreadyExistsError if another manifest has that name: by itself the segment's."""
    date, name = folder_of(manifest), name or manifest.segment
    _put(files, layout, layout.raw_file(date, name), data)
    publish(files, layout.staging, layout.raw_manifest(date, name), msgspec.json.encode(manifest))


def _put(files: Files, layout: Layout, path: str, data: bytes) -> None:
    """The file itself. One without a manifest does not exist: it may be half of what a lost node has left."""
    try:
        publish(files, layout.staging, path, data)
    except AlreadyExistsError:
        replace(files, layout.staging, path, data)
