"""A commit of our Trino connector has three outcomes: mine, another's, unknown. None is ever taken for another.

The connector's own class commits on a file system that fails in a named way; each case says what Trino is told, what
``N.json`` then holds, and how many drafts are left.
"""

import subprocess
from pathlib import Path

import pytest

from compose.local import artifacts, fetch, java, trino_plugin
from lakehouse.settings import load_settings

HARNESS = Path(__file__).with_name("CommitOutcomes.java")

CASES = {
    "all-well": "committed ours drafts=0",
    "answer-lost": "committed ours drafts=0",
    "runtime-error-after-rename": "committed ours drafts=0",
    "refused-at-first": "committed ours drafts=0",
    "reads-fail-too": "committed ours drafts=0",
    "slow-rename": "committed ours drafts=0",
    "another-has-it": "TransactionConflictException theirs drafts=0",
    "table-dropped": "UncheckedIOException nothing drafts=0",
    "draft-refused": "UncheckedIOException nothing drafts=0",
    # not an Exception: Trino would delete the data files of what may be committed
    "never-answers": "CommitOutcomeUnknownError(Error) nothing drafts=1",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = load_settings().cache_path
    folders = fetch.ensure(cache, artifacts.CONFIGURATIONS, print)
    plugin = trino_plugin.ensure(cache, folders["trino"], folders["compiler"], print) / "delta-lake-hdfs"
    classes = tmp_path_factory.mktemp("classes")
    path = [classes, *plugin.glob("*.jar"), *folders["trino"].glob("lib/*.jar")]
    class_path = ":".join(map(str, path))
    (compiler,) = folders["compiler"].glob("ecj-*.jar")
    compile_command = [java.java(), "-jar", str(compiler), "-24", "-nowarn", "-cp", class_path, "-d", str(classes)]
    subprocess.run([*compile_command, str(HARNESS)], check=True)
    run_command = [java.java(), "-cp", class_path, "org.merchantlakehouse.trino.CommitOutcomes", *CASES]
    result = subprocess.run(run_command, check=True, capture_output=True, text=True, timeout=120)
    lines = [line for line in result.stdout.splitlines() if line.partition(" ")[0] in CASES]
    return {name: outcome for name, _, outcome in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize("name", CASES)
def test_a_commit_is_never_taken_for_what_it_is_not(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == CASES[name]
