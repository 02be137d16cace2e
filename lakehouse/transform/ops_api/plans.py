"""What a request would do, for its answer where it says ``"dry_run": true``: no operation is made, nothing is changed.

In: the request. Out: its plan, the same that the command line prints; what would be refused raises the refusal.
"""

from lakehouse.clients.files import Files
from lakehouse.errors import RefusedError
from lakehouse.settings import Settings
from lakehouse.transform.backfill.dry_run import dry_run
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.maintenance import drop
from lakehouse.transform.ops_api import requests
from lakehouse.transform.publishing import promote, rollback
from lakehouse.verb_plan import VerbPlan


class Plans:
    """Of one warehouse. Safe for several threads."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings = settings
        self._files = files

    def of(self, request: requests.Planned, actor: str, definition: str | None) -> VerbPlan:
        """``definition`` is the fingerprint that a reprocess builds with."""
        match request:
            case requests.Reprocess():
                if definition is None:
                    raise RefusedError(
                        "nothing has been released yet whose definition could be used: name a `definition`"
                    )
                return dry_run(Builder(self._settings, self._files), request.planned(actor, definition, None))
            case requests.Promote():
                return promote.plan(self._settings, self._files, request.planned(actor, None, None))
            case requests.Rollback():
                return rollback.plan(self._settings, self._files, request.planned(actor, None, None))
            case requests.Drop():
                return drop.plan(Builder(self._settings, self._files), request.planned(actor, None))
