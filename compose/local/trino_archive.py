"""Unpack what the stack needs of Trino's server archive: the server itself and the plugins of :data:`WANTED`.

In: the checked ``trino-server-*.tar.gz``. Out: ``lib/`` and ``plugin/`` beside it; the archive is removed, because the
rest of its 800 MB is other connectors. Most files of a plugin are hard links into other plugins. What is wanted is part
of the folder's name in the cache (see ``fetch``), so that a machine that kept less fetches the archive again.
"""

import os
import shutil
import tarfile
from pathlib import Path

WANTED = ("lib/", "plugin/delta-lake/", "plugin/resource-group-managers/")


def unpack(archive: Path) -> None:
    """Unpack ``archive`` into its own folder and remove it."""
    folder = archive.parent
    scratch = folder / ".unpacking"
    with tarfile.open(archive, "r:gz") as tar:
        links = _wanted_members(tar)
    sources = set(links.values())
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.isreg() and member.name in sources:
                tar.extract(member, scratch, filter="data")
    for name, source in links.items():
        target = folder / _inside(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(scratch / source, target)
    shutil.rmtree(scratch)
    archive.unlink()


def _wanted_members(tar: tarfile.TarFile) -> dict[str, str]:
    """Each file that we want and the member that holds its bytes (itself, unless it is a hard link)."""
    found = {}
    for member in tar:
        if (member.isreg() or member.islnk()) and _inside(member.name).startswith(WANTED):
            found[member.name] = member.linkname if member.islnk() else member.name
    return found


def _inside(name: str) -> str:
    """The path below the archive's top folder."""
    return name.partition("/")[2]
