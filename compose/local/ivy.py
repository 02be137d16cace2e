"""Apache Ivy, which pyspark ships: the one way by which Java files come to this machine.

In: an Ivy file, or artifacts that are known already. Out: their files in a folder, unchecked. Where the files come
from is Ivy's own default, the public central repository.
"""

import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pyspark

from compose.local import java
from compose.local.artifacts import Artifact, ArtifactError

Report = Callable[[str], None]
_REPORT_EVERY_SECONDS = 5.0
# What is locked needs no resolving: no module files, and no checksums but ours.
_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true" usepoms="false" checksums=""/></resolvers>
</ivysettings>
"""


def retrieve_locked(artifacts: Sequence[Artifact], folder: Path, scratch: Path, report: Report) -> None:
    """Bring the files of one configuration to ``folder``. What ``scratch`` has already is not fetched again."""
    scratch.mkdir(parents=True, exist_ok=True)
    settings, module = scratch / "ivysettings.xml", scratch / "ivy.xml"
    settings.write_text(_SETTINGS)
    module.write_text(render_module(artifacts))
    pattern = folder / "[module]-[revision](-[classifier]).[ext]"
    configuration = artifacts[0].configuration
    _run(configuration, module, pattern, scratch, report, ["-settings", str(settings), "-confs", "default"])


def resolve(configuration: str, module: Path, folder: Path, scratch: Path, report: Report) -> None:
    """Resolve one configuration of an Ivy file, and bring its files to ``folder`` as :func:`coordinates` reads them."""
    scratch.mkdir(parents=True, exist_ok=True)
    pattern = folder / "[organisation]" / "[module]" / "[revision]" / "([classifier]).[ext]"
    _run(configuration, module, pattern, scratch, report, ["-confs", configuration])


def coordinates(file: Path) -> tuple[str, str, str, str, str]:
    """Organisation, module, revision, classifier and extension of a file that :func:`resolve` brought."""
    organisation, module, revision, name = file.parts[-4:]
    classifier, _, extension = name.partition(".")
    return organisation, module, revision, classifier, extension


def render_module(artifacts: Iterable[Artifact]) -> str:
    """An Ivy file that asks for exactly these files."""
    modules: dict[tuple[str, str, str], list[Artifact]] = defaultdict(list)
    for artifact in artifacts:
        modules[artifact.organisation, artifact.module, artifact.revision].append(artifact)
    lines = [
        '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">',
        '  <info organisation="merchant-lakehouse" module="locked"/>',
        '  <configurations><conf name="default"/></configurations>',
        "  <dependencies>",
    ]
    for (organisation, module, revision), files in modules.items():
        where = f"org={quoteattr(organisation)} name={quoteattr(module)} rev={quoteattr(revision)}"
        lines.append(f'    <dependency {where} conf="default" transitive="false">')
        lines += [_artifact_line(file) for file in files]
        lines.append("    </dependency>")
    return "\n".join([*lines, "  </dependencies>", "</ivy-module>", ""])


def _artifact_line(file: Artifact) -> str:
    classifier = f" m:classifier={quoteattr(file.classifier)}" if file.classifier else ""
    extension = quoteattr(file.extension)
    return f"      <artifact name={quoteattr(file.module)} type={extension} ext={extension}{classifier}/>"


def _run(
    configuration: str, module: Path, pattern: Path, scratch: Path, report: Report, options: Sequence[str]
) -> None:
    (jar,) = Path(pyspark.__file__).parent.glob("jars/ivy-*.jar")
    command = [
        *[java.java(), *java.trust_options(), "-Xmx512m", "-jar", str(jar)],
        *["-ivy", str(module), "-cache", str(scratch / "cache"), *options],
        *["-types", "jar", "bundle", "tar.gz", "-retrieve", str(pattern)],
    ]
    log = scratch / "ivy.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _watch(process, configuration, scratch, report)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ArtifactError(
            f"Fetching the Java files of {configuration!r} failed. Is the public Maven repository reachable? "
            f"What is here already is kept; run again to go on. Whole log: {log}\n{tail}"
        )


def _watch(process: "subprocess.Popen[bytes]", configuration: str, scratch: Path, report: Report) -> None:
    report(f"{configuration}: fetching")
    while process.poll() is None:
        deadline = time.monotonic() + _REPORT_EVERY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if process.poll() is None:
            report(f"{configuration}: {_size(scratch) >> 20} MB")


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # renamed while we looked
            continue
    return total
