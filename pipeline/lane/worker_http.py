"""The worker's server on the loopback interface: metrics, the state of its lanes, and the order to go on.

GET /metrics is for Prometheus, GET /lanes for `accrue status`. POST /lanes/resume is for `accrue lane` alone: it asks
for the token that the worker leaves in its data folder, so only who may read that folder gives orders.
"""

from __future__ import annotations

import secrets
import threading
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pipeline import metrics
from pipeline.lane.board import Board, NotToBeResumed

HOST: Final = "127.0.0.1"
TOKEN_HEADER: Final = "X-Accrue-Token"  # noqa: S105 - the header's name
JSON: Final = "application/json"
BODY_MAX: Final = 65_536


class Resume(msgspec.Struct, frozen=True):
    """The order to open a broken lane anew; `at`: where a relaying lane shall begin, None for what is on record."""

    topic: str
    partition: int
    at: int | None = None


@final
class WorkerServer:
    """Serves from a thread of its own until the process ends. Raises OSError where the port is taken."""

    def __init__(self, port: int, board: Board) -> None:
        self.board = board
        self.token = secrets.token_hex(16)
        self._server = ThreadingHTTPServer((HOST, port), _handler(board, self.token))
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="worker-http", daemon=True).start()

    @property
    def metrics_url(self) -> str:
        return f"{self.url}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(board: Board, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(metrics.REGISTRY))
            elif self.path == "/lanes":
                self._answer(200, JSON, msgspec.json.encode(board.facts()))
            else:
                self._answer(404, "text/plain", b"/metrics, /lanes\n")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != "/lanes/resume" or not 0 < length <= BODY_MAX:
                self._answer(404, "text/plain", b"/lanes/resume\n")
                return
            if not compare_digest(self.headers.get(TOKEN_HEADER, ""), token):
                self._answer(403, "text/plain", b"the token in the worker's record is wanted\n")
                return
            try:
                order = msgspec.json.decode(self.rfile.read(length), type=Resume)
                board.resume(order.topic, order.partition, order.at)
            except (msgspec.DecodeError, NotToBeResumed) as error:
                self._answer(409, "text/plain", str(error).encode())
                return
            self._answer(202, JSON, b"{}")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Whoever scrapes every few seconds is not worth a line each time."""

    return Handler
