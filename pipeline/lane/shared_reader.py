"""One reader for all threads of a worker that now and then look at a short topic, such as `programs`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import final

from pipeline.lane.ports import Reader, Record


@final
class SharedReader:
    """Implements `pipeline.lane.ports.Reader`: one thread reads at a time, all of it before another may.

    Closing it lets go of the connection; whoever reads after that gets another.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        with self._lock:
            return self._reader.bounds(topic, partition)

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        with self._lock:
            return iter(list(self._reader.read(topic, partition, start, end)))

    def another(self) -> Reader:
        return self._reader.another()

    def close(self) -> None:
        with self._lock:
            self._reader.close()
