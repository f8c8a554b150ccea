"""What the local servers have in common: start, wait until ready, stop, kill, and a log that errors quote."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import psutil

from pipeline.devstack import process
from pipeline.devstack.errors import ServerError
from pipeline.devstack.process import Account
from pipeline.devstack.state import HOST, Record, StateFile

_POLL_S = 0.05
_LOG_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Launch:
    """How to start a server: the command, its folder, what its environment adds, and who it runs as."""

    command: list[str]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True)
class Status:
    """What is known of a server now."""

    name: str
    state: str  # running, stopped (or never started), crashed (ended by itself)
    pid: int | None  # while it runs
    address: str
    memory_bytes: int  # of the server and its descendants; 0 if it does not run


OnBytes = Callable[[str, int, int], None]
"""Takes (what is done: fetch or unpack, bytes done, bytes in all); may raise to break off."""


class Server(ABC):
    """One local server on loopback ports, with its data, its log and its process id on record.

    Ports and data outlast the process: `start` after `stop` or `kill` brings back the same server.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace_s: ClassVar[float] = 20.0  # to obey the stop signal

    def __init__(self, state: StateFile) -> None:
        self._state = state
        self._own: subprocess.Popen[bytes] | None = None  # kept so that an ended child is reaped

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self._state.read().ports[self.name]

    @property
    @abstractmethod
    def address(self) -> str:
        """What clients are given to connect with."""

    @property
    @abstractmethod
    def data_dir(self) -> Path:
        """The folder of the server's data; its name holds the version where the data depends on it."""

    @property
    def log(self) -> Path:
        """The file that the server's output is appended to."""
        return self._state.directory / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id while the server runs, else None."""
        found = self._process()
        return None if found is None else int(found.pid)

    @property
    def running(self) -> bool:
        """Whether the process on record lives and is this server."""
        return self._process() is not None

    def obtain(self, on_bytes: OnBytes | None = None) -> None:  # noqa: B027 - a server from a wheel is there already
        """Fetch what the server is made of, if it is not there yet. Raises DevstackError."""

    @abstractmethod
    def _launch(self) -> Launch:
        """Prepare folders and settings and say how to start."""

    @abstractmethod
    def _probe(self) -> None:
        """Do what a client would do first; raise any exception if the server does not answer yet."""

    def start(self, timeout_s: float = 120.0, *, broken_off: threading.Event | None = None) -> None:
        """Start the server and return once it answers its clients; does nothing if it runs and answers.

        Raises ServerError, with the tail of the log, if it ends or does not answer within
        `timeout_s` seconds; it is then stopped again. Setting `broken_off` ends the wait likewise.
        """
        log_start = self.log.stat().st_size if self.log.exists() else 0
        if not self.running:
            self.obtain()
            launch = self._launch()
            self._own = process.spawn(
                launch.command, cwd=launch.cwd, log=self.log, env=launch.env, account=launch.account
            )
            self._record(self._own.pid, launch.command)
        try:
            self._wait_ready(timeout_s, broken_off or threading.Event(), log_start)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in order: its stop signal, `grace_s` seconds to obey, then SIGKILL."""
        if (found := self._process()) is not None:
            process.end(found, stop_signal=self.stop_signal, grace_s=self.grace_s)
        self._forget()

    def kill(self) -> None:
        """End the server at once with SIGKILL, as a crash would. Raises ServerError if it does not run."""
        found = self._process()
        if found is None:
            raise ServerError(f"{self.name} does not run, so it cannot be killed: start it first")
        process.kill(found)
        self._forget()

    def restart(self, timeout_s: float = 120.0) -> None:
        """Stop and start again, on the same ports and data."""
        self.stop()
        self.start(timeout_s)

    def status(self) -> Status:
        """What is known of the server now."""
        found = self._process()
        if found is None:
            state = "crashed" if self.name in self._state.read().pids else "stopped"
            return Status(self.name, state, None, self.address, 0)
        return Status(self.name, "running", found.pid, self.address, process.memory_bytes(found))

    def _wait_ready(self, timeout_s: float, broken_off: threading.Event, log_start: int) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._probe()
                return
            except Exception as error:  # noqa: BLE001 - every client has errors of its own; the last one is shown
                refusal = error
            if not self.running:
                code = self._own.poll() if self._own is not None else None
                how = "" if code is None else f" with exit code {code}"
                raise ServerError(f"{self.name} ended while starting{how}\n{self._log_tail(log_start)}")
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} did not answer at {self.address} within {timeout_s:g} s; the last try said: "
                    f"{refusal}\n{self._log_tail(log_start)}"
                )
            if broken_off.wait(_POLL_S):
                raise ServerError(f"{self.name}: starting was broken off")

    def _log_tail(self, log_start: int) -> str:
        """The last lines that this start wrote into the log, under the log's path."""
        with self.log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(log_start, size - _LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace").strip()
        return f"--- {self.log}\n{text or '(it wrote nothing)'}"

    def _process(self) -> psutil.Process | None:
        if self._own is not None:
            self._own.poll()
        record = self._state.read()
        return process.find(record.pids.get(self.name), record.commands.get(self.name, []))

    def _record(self, pid: int, command: list[str]) -> None:
        def change(record: Record) -> None:
            record.pids[self.name] = pid
            record.commands[self.name] = command

        self._state.update(change)

    def _forget(self) -> None:
        def change(record: Record) -> None:
            record.pids.pop(self.name, None)
            record.commands.pop(self.name, None)

        self._state.update(change)
        if self._own is not None:
            self._own.poll()


def address_of(port: int) -> str:
    """host:port on the loopback interface."""
    return f"{HOST}:{port}"
