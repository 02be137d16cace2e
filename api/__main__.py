"""``python -m api``: serves the insights API and its web page on ``settings.insights_url``, until it is stopped."""

import uvicorn

from api.app import create_app
from lakehouse.service import log_as_json
from lakehouse.settings import load_settings


def main() -> None:
    settings = load_settings()
    log_as_json("insights")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.ports.insights,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
