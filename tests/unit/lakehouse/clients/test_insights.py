"""Whether the insights API shows a release: waited for while it answers, given up at once where it does not."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from lakehouse.clients.insights import await_shown
from lakehouse.contracts.ids import ReleaseNumber


@contextmanager
def answering(releases: list[int | None]) -> Iterator[str]:
    """An API that shows one release after the other, and the last for good."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            current = releases.pop(0) if len(releases) > 1 else releases[0]
            body = json.dumps({"current_release": current, "prepared": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_waits_until_the_release_is_shown() -> None:
    releases: list[int | None] = [None, 6, 6, 7]
    with answering(releases) as url:
        assert await_shown(url, ReleaseNumber(7))
        assert releases == [7]


def test_a_later_release_is_as_good() -> None:
    with answering([9]) as url:
        assert await_shown(url, ReleaseNumber(7))


def test_what_does_not_come_is_not_waited_for_without_end() -> None:
    with answering([6]) as url:
        assert not await_shown(url, ReleaseNumber(7), seconds=0.3)


def test_an_api_that_is_away_is_not_waited_for() -> None:
    started = time.monotonic()
    assert not await_shown("http://127.0.0.1:1", ReleaseNumber(7), seconds=120)
    assert time.monotonic() - started < 60
