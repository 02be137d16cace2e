"""Records what an SDK sends: ``python -m tests.support.recorded_sdks.record OUT.json SDK VERSION COMMAND...``

In: a command that is given an address and the path of ``samples.json``, and sends to ADDRESS/MODE/SAMPLE. Out: a file
of its requests as they came, without the headers that name the host. ``senders/`` has such a command for each SDK, and
README.md says how each was run.
"""

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).with_name("samples.json")
_LEFT_OUT = {"host", "content-length", "transfer-encoding"}
"""The place of the recording, and what whoever sends the body again must set anew."""


class Recorder(BaseHTTPRequestHandler):
    """Header values are kept as Latin-1, which gives back each byte that came."""

    protocol_version = "HTTP/1.1"
    requests: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self._body()
        headers = [[name, value] for name, value in self.headers.items() if name.lower() not in _LEFT_OUT]
        _, mode, sample = self.path.split("?")[0].split("/")
        self.requests.append({"mode": mode, "sample": sample, "method": "POST", "headers": headers, **_kept(body)})
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:
        return None


def _kept(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def main(out: str, sdk: str, version: str, *command: str) -> int:
    Recorder.requests = []
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        code = subprocess.run([*command, f"http://127.0.0.1:{server.server_port}", str(SAMPLES)]).returncode
    finally:
        server.shutdown()
        thread.join()
    document = {"sdk": sdk, "version": version, "origin": "recorded", "requests": Recorder.requests}
    Path(out).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
