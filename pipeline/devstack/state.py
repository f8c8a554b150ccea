"""What is on record about a stack: its addresses, ports, process ids and folders, in `stack.json`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.devstack.errors import DevstackError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """Where the servers listen; all on the loopback interface."""

    bootstrap_servers: str  # Kafka, host:port
    registry_url: str  # the registry's Confluent-compatible API
    redis_url: str
    postgres_url: str

    @classmethod
    def from_ports(cls, ports: dict[str, int]) -> Settings:
        """The addresses that follow from the ports by server name."""
        return cls(
            bootstrap_servers=f"{HOST}:{ports['kafka']}",
            registry_url=f"http://{HOST}:{ports['registry']}/apis/ccompat/v7",
            redis_url=f"redis://{HOST}:{ports['valkey']}/0",
            postgres_url=f"postgresql://postgres@{HOST}:{ports['postgres']}/postgres",
        )


@dataclass
class Record:
    """The content of `stack.json`."""

    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)  # of servers that were started and not stopped
    commands: dict[str, list[str]] = field(default_factory=dict)  # by which a process id is recognised
    dirs: dict[str, str] = field(default_factory=dict)  # data folders
    kafka_heap_mb: int = 512


class StateFile:
    """`stack.json` in a stack's directory: read whole, changed under a lock, replaced atomically."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "stack.json"

    def read(self) -> Record:
        """The record, empty if there is none yet. Raises DevstackError if the file is not one of ours."""
        try:
            content: Any = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return Record()
        except ValueError as error:
            raise DevstackError(
                f"{self.path}: not valid JSON ({error}); end its servers and delete the file"
            ) from error
        try:
            names = ("ports", "pids", "commands", "dirs", "kafka_heap_mb")
            return Record(**{name: content[name] for name in names})
        except (KeyError, TypeError) as error:
            raise DevstackError(
                f"{self.path}: field {error} is missing; end its servers and delete the file"
            ) from error

    def update(self, change: Callable[[Record], None]) -> Record:
        """Apply `change` to the record and store it; safe against other threads and processes."""
        with locked(self.directory / "stack.lock"):
            record = self.read()
            change(record)
            content = asdict(record)
            if record.ports:
                content = {**asdict(Settings.from_ports(record.ports)), **content}
            write_atomically(self.path, json.dumps(content, indent=2) + "\n")
            return record


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that readers see the old or the new text, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; waits for whoever holds it, who loses it by ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
