"""The ops API of a running transform service.

In: settings, the service's health, and the event that stops it. Out: HTTP on the transform's port, and a dispatcher
that has operations carried out, those of a former service too.
"""

import threading
from functools import partial

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.http.health import Health
from lakehouse.http.server import Listening
from lakehouse.quarantine.reading import Quarantine
from lakehouse.settings import Settings
from lakehouse.tokens import Verifier
from lakehouse.tokens.exchange import KeyPoller, exchange_of
from lakehouse.transform.locks import is_carried_out
from lakehouse.transform.ops_api.app import create_app
from lakehouse.transform.ops_api.differences import Differences, through
from lakehouse.transform.ops_api.dispatcher import Dispatcher
from lakehouse.transform.ops_api.handlers import Handlers
from lakehouse.transform.ops_api.operations import Operations
from lakehouse.transform.ops_api.plans import Plans


class OpsApi:
    """Open from now on. Close it after ``stop`` is set."""

    def __init__(self, settings: Settings, health: Health, stop: threading.Event) -> None:
        files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
        operations = Operations(files, layout)
        operations.take_over_orders()
        self._dispatcher = Dispatcher(operations, stop, partial(is_carried_out, settings))
        trino = Trino.of(settings, read_only=True)
        compared, quarantine = Differences(files, layout, through(trino)), Quarantine(trino, files, layout)
        silent_after = settings.transform.edge_silent_after
        plans, wake = Plans(settings, files), self._dispatcher.wake
        handlers = Handlers(files, layout, compared, plans, quarantine, wake, silent_after)
        self._server = Listening(
            create_app(handlers, Verifier(settings), health), settings.host, settings.ports.transform
        )
        self._keys = KeyPoller(exchange_of(settings), settings.tokens.exchange_interval.total_seconds())
        self._dispatcher.begin()

    def close(self) -> None:
        self._server.close()
        self._keys.stop()
        self._dispatcher.end()
