"""``python -m api``: serves the insights API and its web page on ``settings.insights_url``, until it is stopped."""

import ctypes
from contextlib import suppress

import uvicorn

from api.app import create_app
from lakehouse.http.bounded import BoundedHttp
from lakehouse.json_logs import log_as_json
from lakehouse.settings import load_settings
from lakehouse.tokens.exchange import exchanging


def main() -> None:
    settings = load_settings()
    log_as_json("insights")
    _give_memory_back()
    with exchanging(settings):
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.ports.insights,
            loop="uvloop",
            http=BoundedHttp,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )


def _give_memory_back() -> None:
    """Arrays from 1 MiB on go back to the system as soon as they are free. By itself, glibc keeps twice the size of
    40 million rows from their loading (2.2 GB instead of 1.1)."""
    mmap_threshold = -3
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(mmap_threshold, 1 << 20)


if __name__ == "__main__":
    main()
