"""A commit of our Trino connector has three outcomes: mine, another's, unknown. None is ever taken for another.

The connector's own class commits on a file system that fails in a named way; each case says what Trino is told, what
``N.json`` then holds, and how many drafts are left.
"""

from pathlib import Path

import pytest

from tests.support import java_harness

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
    return java_harness.run(HARNESS, tmp_path_factory.mktemp("classes"), "org.merchantlakehouse.trino", CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_commit_is_never_taken_for_what_it_is_not(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == CASES[name]
