"""A candidate that is about to be shown, as the gates of a promote judge it."""

from datetime import UTC, datetime

from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.releases.log import Published
from lakehouse.releases.model import GoldVersion, TableState
from lakehouse.transform.publishing.gates import Prospect
from tests.support.logged_warehouse import CANDIDATE
from tests.support.release_documents import DEFINITION, release, snapshot


def prospect(*names: str, consumed: int = 1) -> Prospect:
    """Version 2, with gold tables of these names, after a release of version 1 at bronze commit 1."""
    live, candidate = (
        snapshot(
            version, number, {f"gold.{name}": TableState(f"gold_v{version}", f"/{version}/{name}", 1) for name in names}
        )
        for version, number in ((1, 1), (2, consumed))
    )
    parent = Published(release(7, live), datetime(2026, 11, 23, tzinfo=UTC))
    return Prospect(GoldVersion(GoldVersionNumber(2), DEFINITION, 0, "n", CANDIDATE), candidate, parent, live)
