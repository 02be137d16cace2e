"""A dbt project that an operator sends: the one way in which new models reach a service without a checkout.

In: the bytes of a plain tar (``tar -C dbt_project -c .``). Out: the fingerprint under which its files are frozen. Only
files are taken, each within the project, and only those that make a definition (``definition.project_files``).
"""

import io
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.transform import definition

MOST_BYTES = 8 << 20
MOST_FILES = 2000


def store(files: Files, layout: Layout, body: bytes) -> str:
    """Raises 400 with what is wrong with the archive; nothing is stored then."""
    with tempfile.TemporaryDirectory(prefix="definition-") as folder:
        project = Path(folder)
        _unpack(body, project)
        absent = definition.lacking(definition.project_files(project))
        if absent is not None:
            raise _wrong(f"the archive has no {absent}; make it with `tar -C dbt_project -c .`")
        try:
            return definition.store(files, layout, project)
        except RefusedError as error:
            raise _wrong(str(error)) from error


def _unpack(body: bytes, project: Path) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            names: set[PurePosixPath] = set()
            for member in archive:
                if not member.isdir():
                    names.add(_take(archive, member, project, names))
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise ProblemError(Kind.UNREADABLE_BODY, f"the body is no tar archive: {error}") from error
    except OSError as error:
        raise _wrong(f"the archive cannot be unpacked: {error.strerror or error}") from error


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, project: Path, taken: set[PurePosixPath]) -> PurePosixPath:
    name = PurePosixPath(member.name)
    if not member.isreg() or member.issparse():
        raise _wrong(f"{member.name!r} is no plain file: links and devices are not taken")
    if name.is_absolute() or ".." in name.parts or not name.parts or "\0" in member.name:
        raise _wrong(f"{member.name!r} lies outside of the project")
    if name in taken:
        raise _wrong(f"{member.name!r} is there twice")
    if len(taken) >= MOST_FILES or member.size > MOST_BYTES:
        raise ProblemError(Kind.TOO_LARGE, f"a project may hold {MOST_FILES} files and {MOST_BYTES} bytes")
    content = archive.extractfile(member)
    assert content is not None, "a plain file has content"
    target = project / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.read())
    return name


def _wrong(detail: str) -> ProblemError:
    return ProblemError(Kind.BAD_PARAMETER, detail)
