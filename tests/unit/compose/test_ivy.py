"""What Ivy is asked for, and how its answer is read."""

from pathlib import Path
from xml.etree import ElementTree

from compose.local import artifacts, ivy


def test_the_locked_module_asks_for_every_artifact_once() -> None:
    for files in artifacts.read_lock().values():
        root = ElementTree.fromstring(ivy.render_module(files))
        asked = [
            (where.get("org"), where.get("name"), where.get("rev"), _classifier(file), file.get("ext"))
            for where in root.iter("dependency")
            for file in where.iter("artifact")
        ]
        expected = [(f.organisation, f.module, f.revision, f.classifier, f.extension) for f in files]
        assert sorted(map(str, asked)) == sorted(map(str, expected))


def _classifier(file: ElementTree.Element) -> str:
    return file.get("{http://ant.apache.org/ivy/maven}classifier", "")


def test_nothing_is_resolved_through_others() -> None:
    root = ElementTree.fromstring(ivy.render_module(artifacts.read_lock()["kafka"]))
    assert {where.get("transitive") for where in root.iter("dependency")} == {"false"}


def test_a_file_tells_its_coordinate() -> None:
    folder = Path("/scratch/io.netty/netty/4.1.Final")
    assert ivy.coordinates(folder / "linux-x86_64.jar") == ("io.netty", "netty", "4.1.Final", "linux-x86_64", "jar")
    assert ivy.coordinates(folder / ".jar") == ("io.netty", "netty", "4.1.Final", "", "jar")
    assert ivy.coordinates(folder / ".tar.gz") == ("io.netty", "netty", "4.1.Final", "", "tar.gz")
