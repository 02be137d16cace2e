"""Build the plugin folder of Trino: the stock Delta Lake plugin's jars with our connector, compiled from source, and
the stock resource groups.

In: the unpacked server, the compiler's jar and ``lakehouse/trino_plugin/src``. Out: a folder for Trino's
``plugin.dir``, in the cache under the fingerprint of all that went in. It appears by a rename, complete.
"""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import lakehouse.trino_plugin
from compose.local import java
from compose.local.artifacts import ArtifactError
from compose.local.fetch import exclusive
from compose.local.ivy import Report

SOURCES = Path(lakehouse.trino_plugin.__file__).parent / "src"
_JAVA_LEVEL = "24"
# It registers the stock connector, whose classes would then be loaded twice.
_LEFT_OUT = "trino-delta-lake-476-services.jar"
_SERVICE = ("META-INF/services/io.trino.spi.Plugin", "org.merchantlakehouse.trino.DeltaLakeHdfsPlugin\n")


def ensure(cache: Path, trino: Path, compiler: Path, report: Report) -> Path:
    """The folder for ``plugin.dir``."""
    folder = cache / "java" / f"trino-plugin-{_fingerprint(trino, compiler)}"
    if not folder.exists():
        with exclusive(cache / "java" / ".trino-plugin.lock", report):
            if not folder.exists():
                report("trino: building our connector")
                _build(folder, trino, next(compiler.glob("ecj-*.jar")))
    return folder


def _fingerprint(trino: Path, compiler: Path) -> str:
    digest = hashlib.sha256(f"{trino.name} {compiler.name} {_JAVA_LEVEL}".encode())
    for source in sorted(SOURCES.rglob("*.java")):
        digest.update(source.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _build(folder: Path, trino: Path, compiler: Path) -> None:
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    plugin = draft / "delta-lake-hdfs"
    # Hard links: the server finds the Hadoop part by the place of its jars, which a symbolic link would betray.
    shutil.copytree(
        trino / "plugin" / "delta-lake", plugin, copy_function=os.link, ignore=shutil.ignore_patterns(_LEFT_OUT)
    )
    groups = "resource-group-managers"
    shutil.copytree(trino / "plugin" / groups, draft / groups, copy_function=os.link)
    spi = next((trino / "lib").glob("io.trino_trino-spi-*.jar"))
    slice_jars = [spi, *sorted((trino / "lib").glob("io.airlift_slice-*.jar"))]
    connector_path = [*sorted(plugin.glob("*.jar")), *slice_jars]
    _compile("connector", connector_path, compiler, draft, plugin / "merchant-lakehouse-connector.jar", _SERVICE)
    hdfs = plugin / "hdfs"
    _compile("hdfs", sorted(hdfs.glob("*.jar")), compiler, draft, hdfs / "merchant-lakehouse-hdfs.jar")
    draft.rename(folder)


def _compile(
    part: str, class_path: list[Path], compiler: Path, scratch: Path, jar: Path, *extra: tuple[str, str]
) -> None:
    classes = scratch / f".classes-{part}"
    command = [java.java(), "-jar", str(compiler), f"-{_JAVA_LEVEL}", "-proc:none", "-nowarn", "-d", str(classes)]
    command += ["-classpath", os.pathsep.join(map(str, class_path)), str(SOURCES / part)]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise ArtifactError(f"The Trino plugin does not compile ({SOURCES / part}):\n{result.stdout}{result.stderr}")
    with zipfile.ZipFile(jar, "w") as archive:
        for name, text in extra:
            archive.writestr(name, text)
        for file in sorted(classes.rglob("*.class")):
            archive.write(file, file.relative_to(classes))
    shutil.rmtree(classes)
