"""A store and a clock in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from fake_kafka import Point, no_faults

from pipeline.lane.ports import Change


class FakeStore:
    """The store port over a dict that outlives its lanes, as a folder does; a write is there whole or not at all."""

    def __init__(self, content: dict[bytes, bytes], point: Point = no_faults) -> None:
        self._content = content
        self._point = point

    def get(self, key: bytes) -> bytes | None:
        self._point("store.get")
        return self._content.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        self._point("store.get_many")
        return [self._content.get(key) for key in keys]

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        keys = sorted(self._content)
        for key in keys[bisect_left(keys, start) : bisect_left(keys, stop)]:
            if key in self._content:
                yield key, self._content[key]

    def write(self, changes: Sequence[Change]) -> None:
        self._point("store.write:before")
        for key, value in changes:
            if value is None:
                self._content.pop(key, None)
            else:
                self._content[key] = value
        self._point("store.write:after")

    def discard(self, start: bytes, stop: bytes) -> None:
        for key in [key for key in self._content if start <= key < stop]:
            del self._content[key]

    def clear(self) -> None:
        self._content.clear()

    def close(self) -> None:
        """The content stays."""


class FakeClock:
    """Time that moves when something waits, and a little at every look."""

    def __init__(self, now_ms: int) -> None:
        self.time_ms = now_ms
        self.waits = 0

    def now_ms(self) -> int:
        self.time_ms += 1
        return self.time_ms

    def monotonic(self) -> float:
        return self.time_ms / 1000

    def wait(self, seconds: float) -> None:
        self.time_ms += int(seconds * 1000)
        self.waits += 1
