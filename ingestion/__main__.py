"""``python -m ingestion``: serves the edge until it is stopped."""

import gc
import logging
import sys

import uvicorn

from ingestion.app import App
from lakehouse.clients.files import HdfsFiles
from lakehouse.errors import LakehouseError
from lakehouse.http.whole_answers import WholeAnswers
from lakehouse.json_logs import log_as_json
from lakehouse.settings import load_settings

GRACE_SECONDS = 10


def main() -> int:
    try:
        settings = load_settings()
        log_as_json("edge")
        # It reports every connection; `kafka_sender` logs what an operator needs of it.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        app = App(settings, HdfsFiles(settings.hdfs_url))
    except LakehouseError as error:
        print(f"edge: {error}", file=sys.stderr)
        return error.exit_code
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.ports.edge,
        loop="uvloop",
        http=WholeAnswers,
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    # Requests leave no cycles behind; looking for some after every 700 allocations would cost a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    server.run()
    return 0 if server.started else 2


if __name__ == "__main__":
    sys.exit(main())
