"""The local stack: Kafka, registry, Valkey and PostgreSQL started, watched and ended together."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.devstack import ports as loopback
from pipeline.devstack.errors import DevstackError
from pipeline.devstack.guard import Guard
from pipeline.devstack.kafka import Kafka
from pipeline.devstack.postgres import Postgres
from pipeline.devstack.registry import Registry
from pipeline.devstack.server import Server, Status
from pipeline.devstack.state import Record, Settings, StateFile, locked
from pipeline.devstack.valkey import Valkey

DEFAULT_DIR = Path(".accrue")
SERVERS: tuple[str, ...] = (Kafka.name, Registry.name, Valkey.name, Postgres.name)
PORTS: tuple[str, ...] = (*SERVERS, "kafka_controller", "registry_management")


@dataclass(frozen=True)
class Progress:
    """One step forward of one server."""

    server: str
    step: str  # fetch, unpack (with bytes), start, ready
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]
"""Called by one thread at a time; may raise to break off."""


class LocalStack:
    """The four servers of one state directory. As a context manager it ends them on leaving."""

    def __init__(self, directory: Path | str) -> None:
        """The stack of this directory as it stands; starts nothing. See `up` and `attach`."""
        self.directory = Path(directory).absolute()
        self._state = StateFile(self.directory)
        self._guard: Guard | None = None
        self._temporary = False
        self.kafka = Kafka(self._state)
        self.registry = Registry(self._state)
        self.valkey = Valkey(self._state)
        self.postgres = Postgres(self._state)

    @classmethod
    def up(
        cls,
        directory: Path | str = DEFAULT_DIR,
        *,
        only: Iterable[str] | None = None,
        ports: Mapping[str, int] | None = None,
        kafka_heap_mb: int | None = None,
        timeout_s: float = 120.0,
        guarded: bool = False,
        temporary: bool = False,
        on_progress: OnProgress | None = None,
    ) -> LocalStack:
        """Start the servers that do not run yet, all at once, and return when each answers its clients.

        only: names out of `SERVERS`; all of them if None. The others can be started later by their `start`.
        ports: by name out of `PORTS`; a port that is not given is the one used before, or a free one.
        kafka_heap_mb: Java heap of the broker, in MiB; 512 or what was used before if None.
        timeout_s: how long each server may take to answer, in seconds.
        guarded: the servers end when this process does, however it ends; else they outlive it.
        temporary: guarded, and data and logs are deleted with the servers, by `down` too.

        Raises DevstackError if a server does not come up, and ends those that this call has started.
        """
        wanted = _checked("server", SERVERS if only is None else only, SERVERS)
        _checked("port", ports or {}, PORTS)
        stack = cls(directory)
        stack.directory.mkdir(parents=True, exist_ok=True)
        if not any(stack.directory.iterdir()):  # a folder of ours alone, no project's root
            (stack.directory / ".gitignore").write_text("*\n", "utf-8")
        with locked(stack.directory / "up.lock"):
            stack._assign(ports or {}, kafka_heap_mb)
            stack._temporary = temporary
            if guarded or temporary:
                stack._guard = Guard(stack.directory, wipe=temporary)
            try:
                stack._start([server for server in stack.servers if server.name in wanted], timeout_s, on_progress)
            except BaseException:
                if stack._guard is not None:
                    stack._guard.dismiss()
                raise
        return stack

    @classmethod
    def attach(cls, directory: Path | str = DEFAULT_DIR) -> LocalStack:
        """The stack that was started in this directory. Raises DevstackError if none was, or if it was ended."""
        stack = cls(directory)
        if not any(server.running for server in stack.servers):
            raise DevstackError(f"no local stack runs in {stack.directory}: start one with `accrue up`")
        return stack

    @property
    def servers(self) -> tuple[Server, ...]:
        """All four, whether they run or not."""
        return (self.kafka, self.registry, self.valkey, self.postgres)

    @property
    def settings(self) -> Settings:
        """Where the servers listen. A server that was not started has an address too, at which nobody answers."""
        ports = self._state.read().ports
        if not ports:
            raise DevstackError(f"no local stack was started in {self.directory}: start one with `accrue up`")
        return Settings.from_ports(ports)

    def status(self) -> tuple[Status, ...]:
        """What is known of each server now. Raises DevstackError if no stack was ever started here."""
        if not self._state.read().ports:
            raise DevstackError(f"no local stack was started in {self.directory}: start one with `accrue up`")
        return tuple(server.status() for server in self.servers)

    def down(self, *, wipe: bool = False) -> tuple[str, ...]:
        """End the servers, all at once, and return the names of those that ran. The next `up` uses their ports again.

        wipe: delete data, logs and state as well; of the directory itself only what is the stack's.
        """
        if not self._state.path.exists():
            return ()
        with locked(self.directory / "up.lock"):
            running = [server for server in self.servers if server.running]
            _at_once([server.stop for server in self.servers])
            if wipe or self._temporary:
                self._wipe()
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None
        return tuple(server.name for server in running)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _wipe(self) -> None:
        for folder in (*(server.data_dir for server in self.servers), self.directory / "logs"):
            shutil.rmtree(folder, ignore_errors=not folder.exists())
        for name in ("stack.json", "stack.lock", "up.lock", "guard.log"):
            (self.directory / name).unlink(missing_ok=True)
        if [path.name for path in self.directory.iterdir()] == [".gitignore"]:
            shutil.rmtree(self.directory)

    def _assign(self, given: Mapping[str, int], kafka_heap_mb: int | None) -> None:
        """Give every server its ports: those asked for, else those used before, else free ones."""
        running = {server.name for server in self.servers if server.running}

        def change(record: Record) -> None:
            for name in PORTS:
                before = record.ports.get(name)
                port = given.get(name, before)
                if _owner(name) in running:
                    if port != before:
                        raise DevstackError(
                            f"{name} runs on port {before}, not {port}: end it first with `accrue down`"
                        )
                elif name in given and not loopback.is_free(given[name]):
                    raise DevstackError(
                        f"port {port} for {name} is taken: give another, or none to have a free one chosen"
                    )
                elif port is None or not loopback.is_free(port):
                    port = loopback.pick({*record.ports.values(), *given.values()})
                assert port is not None
                record.ports[name] = port
            record.dirs = {server.name: str(server.data_dir) for server in self.servers}
            if kafka_heap_mb is not None and kafka_heap_mb != record.kafka_heap_mb:
                if "kafka" in running:
                    raise DevstackError(
                        f"kafka runs with a heap of {record.kafka_heap_mb} MiB, not {kafka_heap_mb}: "
                        "end it first with `accrue down`"
                    )
                record.kafka_heap_mb = kafka_heap_mb

        self._state.update(change)

    def _start(self, wanted: list[Server], timeout_s: float, on_progress: OnProgress | None) -> None:
        broken_off = threading.Event()
        report = _Reporter(on_progress, broken_off)
        started = [server for server in wanted if not server.running]

        def bring(server: Server) -> None:
            if server in started:
                server.obtain(lambda step, done, total: report(Progress(server.name, step, done, total)))
                report(Progress(server.name, "start"))
            server.start(timeout_s, broken_off=broken_off)
            report(Progress(server.name, "ready"))

        try:
            _at_once([lambda server=server: bring(server) for server in wanted], broken_off)  # type: ignore[misc]
        except BaseException:
            _at_once([server.stop for server in started])
            raise


class _Reporter:
    """Passes progress on, one call at a time, and breaks off the work once something else has failed."""

    def __init__(self, on_progress: OnProgress | None, broken_off: threading.Event) -> None:
        self._on_progress = on_progress
        self._broken_off = broken_off
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        if self._broken_off.is_set():
            raise DevstackError(f"{progress.server}: starting was broken off")
        if self._on_progress is not None:
            with self._lock:
                self._on_progress(progress)


def _at_once(tasks: list[Callable[[], None]], broken_off: threading.Event | None = None) -> None:
    """Run all tasks in threads; raise the first failure, after setting `broken_off` and letting the others end."""
    failed = threading.Event() if broken_off is None else broken_off
    first: list[BaseException] = []
    lock = threading.Lock()

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - raised again below, by the thread that waits
            with lock:
                first.append(error)
            failed.set()

    pool = ThreadPoolExecutor(len(tasks) or 1)
    try:
        for future in [pool.submit(run, task) for task in tasks]:
            future.result()
    except BaseException:  # this thread was interrupted
        failed.set()
        raise
    finally:
        pool.shutdown()
    if first:
        raise first[0]


def _checked(what: str, names: Iterable[str], known: Collection[str]) -> list[str]:
    names = list(names)
    for name in names:
        if name not in known:
            raise DevstackError(f"{what} {name!r} is unknown: choose from {', '.join(known)}")
    return names


def _owner(port_name: str) -> str:
    """The server that listens on the port of this name."""
    return port_name.split("_", 1)[0]
