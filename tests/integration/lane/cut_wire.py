"""A TCP forwarder that can be cut and mended: the server is away for one client and there for all others."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

HOST = "127.0.0.1"


class CutWire:
    """Listens on a loopback port of its own while it is not cut. `url` leads through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or HOST, parts.port or 80)
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self._lock = threading.Lock()
        self._port = 0
        self.mend()
        self.url = parts._replace(netloc=f"{HOST}:{self._port}").geturl()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        with self._lock:
            if self._listener is not None:
                _end(self._listener)
                self._listener = None
            for link in self._links:
                _end(link)
            self._links = []

    def mend(self) -> None:
        """Listen again, on the same port."""
        listener = socket.create_server((HOST, self._port), reuse_port=False)
        self._port = listener.getsockname()[1]
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener was closed: the wire is cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                with self._lock:
                    self._links += (near, far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # either end was closed
        while data := source.recv(65536):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(link: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        link.shutdown(socket.SHUT_RDWR)
    link.close()
