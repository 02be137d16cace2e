"""A small HTTP server in place of the edge: it answers each request as a test says, and remembers what it accepted."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers, JSON body; None drops the connection without an answer."""


@dataclass
class FakeEdge:
    """``answer`` is given the token and the events of each request. ``taken`` counts (token, id) of every 202."""

    answer: Callable[[str, list[dict[str, Any]]], Answer]
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: list[int] = field(default_factory=list)
    url: str = ""


def accept(token: str, events: list[dict[str, Any]]) -> Answer:
    """Everything is taken."""
    return 202, {}, {"accepted": len(events), "rejected": []}


@contextmanager
def serve_edge(answer: Callable[[str, list[dict[str, Any]]], Answer]) -> Iterator[FakeEdge]:
    edge = FakeEdge(answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(edge))
    edge.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield edge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(edge: FakeEdge) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events = json.loads(body)
            token = self.headers["Authorization"].removeprefix("Bearer ")
            with lock:
                answer = edge.answer(token, events)
                edge.requests.append(len(events))
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, document = answer
                if status == 202:
                    refused = {entry["index"] for entry in document["rejected"]}
                    edge.taken.update((token, event["id"]) for i, event in enumerate(events) if i not in refused)
            self._reply(status, headers, json.dumps(document).encode())

        def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    return Handler
