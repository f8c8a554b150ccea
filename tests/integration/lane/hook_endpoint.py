"""`python hook_endpoint.py`: an HTTP endpoint as a process that prints its port, and what tests set and see of it.

POST answers with the status that was set last by PUT /status, 503 at first, and keeps what came; GET /got tells it.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from served_process import ServedProcess


class Endpoint(ServedProcess):
    """The process."""

    def __init__(self) -> None:
        super().__init__(__file__)

    def answers(self, status: int) -> None:
        """Whatever is posted is answered so from now on."""
        request = urllib.request.Request(self.url("/status"), str(status).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            return

    def got(self) -> list[dict[str, Any]]:
        """What was posted, in order: path, headers by lower-case name, body, and the status that it was answered."""
        with urllib.request.urlopen(self.url("/got"), timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found


def taken(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What was posted and answered with 204."""
    return [one for one in endpoint.got() if one["status"] == 204]


class Handler(BaseHTTPRequestHandler):
    """All requests share what was got."""

    status = 503
    kept: list[dict[str, Any]] = []  # noqa: RUF012 - of the one server that this process is
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with Handler.lock:
            status = Handler.status
            Handler.kept.append({"path": self.path, "headers": headers, "body": body, "status": status})
        self._answer(status, b"")

    def do_PUT(self) -> None:
        Handler.status = int(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, b"")

    def do_GET(self) -> None:
        with Handler.lock:
            found = json.dumps(Handler.kept).encode()
        self._answer(200, found)

    def log_message(self, *_arguments: Any) -> None:
        """Standard error is for what goes wrong."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
