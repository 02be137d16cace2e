"""After an operator has published: SQL and the API show the release before the verb says that it is done.

In: a release. Out: the views of ``gold`` on it, and an insights API that answers from it. Where Trino or the API is
away, a message: each follows by itself once it is back.
"""

from collections.abc import Callable

from lakehouse.clients import insights
from lakehouse.clients.trino import Trino
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.settings import Settings
from lakehouse.transform import catalog


def show(settings: Settings, log: ReleaseLog, published: Published, say: Callable[[str], None]) -> None:
    """Does not fail: what is published is published."""
    try:
        catalog.show_current(Trino.of(settings, user=TRANSFORM_USER), log)
    except LakehouseError as error:
        say(f"The views of `gold` follow later, for Trino does not answer: {error}")
    if not insights.await_shown(settings.insights_url, published.number):
        say(f"The insights API follows later: it does not show release {published.number} yet. See `lakehouse status`.")
