"""What the run's processes said in their logs, as it grows: JSON lines with their times."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple


class Said(NamedTuple):
    """One line: when (as `time.time` has it), the event, and all its fields."""

    at_s: float
    event: str
    fields: dict[str, Any]


class ProcessLogs:
    """Reads NAME.log of a folder, each file from where it was read to before. Any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._offsets: dict[str, int] = {}
        self._said: dict[str, list[Said]] = {}

    def since(self, name: str, since_s: float) -> Iterator[Said]:
        """What a process, in any of its lives, has said from then on, the latest first."""
        for said in reversed(self._all(name)):
            if said.at_s < since_s:
                return
            yield said

    def everything(self, name: str) -> list[Said]:
        """All that was said, in order."""
        return list(self._all(name))

    def found(self, names: list[str], since_s: float, fits: Callable[[Said], bool]) -> bool:
        """Whether one of them has said something that fits from then on."""
        return any(fits(said) for name in names for said in self.since(name, since_s))

    def metrics_url(self, name: str) -> str:
        """Where the process, in its latest life, serves its metrics; empty while it has not said so."""
        lines = (self._folder / f"{name}.log").read_text("utf-8", "replace").splitlines()
        found = [line.removeprefix("metrics: ") for line in lines if line.startswith("metrics: ")]
        return found[-1] if found else ""

    def _all(self, name: str) -> list[Said]:
        with self._lock:
            said = self._said.setdefault(name, [])
            path = self._folder / f"{name}.log"
            if not path.exists():
                return said
            with path.open("rb") as file:
                file.seek(self._offsets.get(name, 0))
                content = file.read()
            whole = content.rfind(b"\n") + 1
            self._offsets[name] = self._offsets.get(name, 0) + whole
            said.extend(each for line in content[:whole].splitlines() if (each := _parsed(line)) is not None)
            return said


def _parsed(line: bytes) -> Said | None:
    if not line.startswith(b"{"):
        return None
    try:
        fields = json.loads(line)
        return Said(datetime.fromisoformat(fields["timestamp"]).timestamp(), str(fields["event"]), fields)
    except (ValueError, KeyError):
        return None  # a process that was killed has cut its last line off, and the next one went on behind it
