"""``python -m ingestion``: serves the edge until it is stopped, in this process or in several workers."""

import argparse
import gc
import logging
import shutil
import socket
import sys

import uvicorn

from ingestion import workers
from ingestion.app import App
from lakehouse.clients.files import HdfsFiles
from lakehouse.errors import LakehouseError
from lakehouse.http.accepting import Accepting
from lakehouse.json_logs import log_as_json
from lakehouse.settings import Settings, load_settings
from lakehouse.tokens.exchange import exchanging

GRACE_SECONDS = 10
BACKLOG = 4096
"""Connections that the kernel keeps until they are accepted, as many as Linux allows by default. One beyond that is
dropped without a word, and its client tries again after a second, then after three."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ingestion", description=__doc__)
    parser.add_argument("--worker", type=int, help="serve as this worker; without it, all are started")
    worker = parser.parse_args().worker
    try:
        settings = load_settings()
        log_as_json("edge")
        if settings.edge.workers > 1 and worker is None:
            return _lead(settings)
        return _serve(settings, worker)
    except LakehouseError as error:
        print(f"edge: {error}", file=sys.stderr)
        return error.exit_code


def _lead(settings: Settings) -> int:
    figures = settings.home_path / "edge" / f"{settings.edge.name}.figures"
    shutil.rmtree(figures, ignore_errors=True)  # counters begin again with the edge
    figures.mkdir(parents=True)
    return workers.Workers(settings.edge.workers, figures).run()


def _serve(settings: Settings, worker: int | None) -> int:
    # It reports every connection; `kafka_sender` logs what an operator needs of it.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    shared = None if worker is None else [_shared_socket(settings)]
    app = App(settings, HdfsFiles(settings.hdfs_url), worker)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.ports.edge,
        loop="uvloop",
        http=app.protocol(),
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Accepting(config)
    # Requests leave no cycles behind; looking for some after every 700 allocations would cost a tenth of the time, and
    # after 50,000 it would hold the loop for 25 ms.
    gc.freeze()
    gc.set_threshold(10_000, 100, 50)
    try:
        with exchanging(settings):
            server.run(shared)
    except SystemExit:  # the application did not start
        if app.refusal is not None:
            raise app.refusal from None
        raise
    return 0 if server.started else 2


def _shared_socket(settings: Settings) -> socket.socket:
    """The kernel deals out connections among all sockets that are bound like this."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind((settings.host, settings.ports.edge))
    return found


if __name__ == "__main__":
    sys.exit(main())
