"""A store and a clock in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_kafka import Point, no_faults

from pipeline.lane.ports import Change, LaneFailed, Writes

UNSYNCED_MAX = 40
"""So many of the latest writes may be lost with the machine's power."""

Undo = list[tuple[bytes, bytes | None]]
"""What the keys of a write held before it."""


class FakeDisk:
    """A folder that outlives the stores that are opened on it: what it holds, and which writes are not synced yet."""

    def __init__(self, content: dict[bytes, bytes] | None = None) -> None:
        self.content: dict[bytes, bytes] = {} if content is None else content
        self.damaged = False
        self._unsynced: list[Undo] = []

    def write(self, changes: Sequence[Change]) -> None:
        """All of it, as one write."""
        content = self.content
        undo: Undo = []
        for key, value in changes:
            undo.append((key, content.get(key)))
            if value is None:
                content.pop(key, None)
            else:
                content[key] = value
        self._unsynced.append(undo)
        del self._unsynced[:-UNSYNCED_MAX]

    def remove(self) -> None:
        """The folder is gone, and whatever was the matter with it."""
        self.content.clear()
        self._unsynced.clear()
        self.damaged = False

    @property
    def unsynced(self) -> int:
        """How many writes the power can take."""
        return len(self._unsynced)

    def lose_tail(self, writes: int) -> None:
        """The latest writes never reached the disk: an older state, but a whole one, as a write-ahead log gives it."""
        for _ in range(writes):
            for key, value in reversed(self._unsynced.pop()):
                if value is None:
                    self.content.pop(key, None)
                else:
                    self.content[key] = value


class FakeWrites:
    """Changes collected for one write."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def put(self, key: bytes, value: bytes, /) -> None:
        self.changes.append((key, value))

    def delete(self, key: bytes, /) -> None:
        self.changes.append((key, None))


class FakeStore:
    """The store port over a disk; a write is there whole or not at all.

    A damaged disk is noticed when the store is opened, and removed, as RocksDB's checksums make it; until then its
    reads fail. Whoever dies while loading loses the latest half of what was loaded.
    """

    def __init__(self, disk: FakeDisk | dict[bytes, bytes], point: Point = no_faults) -> None:
        self._disk = disk if isinstance(disk, FakeDisk) else FakeDisk(disk)
        self._content = self._disk.content
        self._point = point
        self._loaded: list[Sequence[Change]] | None = None
        if self._disk.damaged:
            self._disk.remove()

    def get(self, key: bytes) -> bytes | None:
        self._read("store.get")
        return self._content.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        self._read("store.get_many")
        return [self._content.get(key) for key in keys]

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        content = self._content
        for key in sorted([key for key in content if start <= key < stop]):
            if key in content:
                yield key, content[key]

    def write(self, changes: Sequence[Change]) -> None:
        self._point("store.write:before")
        if self._loaded is None:
            self._disk.write(changes)
        else:
            self._loaded.append(changes)
            if len(self._loaded) % 2 == 0:
                self._disk.write(self._loaded.pop(0))
        self._point("store.write:after")

    def writes(self) -> FakeWrites:
        return FakeWrites()

    def apply(self, writes: Writes) -> None:
        assert isinstance(writes, FakeWrites)
        self.write(writes.changes)

    def start_loading(self) -> None:
        self._loaded = []

    def finish_loading(self) -> None:
        self._point("store.finish_loading")
        for changes in self._loaded or ():
            self._disk.write(changes)
        self._loaded = None

    def discard(self, start: bytes, stop: bytes) -> None:
        self._disk.write([(key, None) for key in list(self._content) if start <= key < stop])

    def clear(self) -> None:
        self._disk.remove()

    def close(self) -> None:
        """The content stays."""

    def _read(self, place: str) -> None:
        self._point(place)
        if self._disk.damaged:
            raise LaneFailed("the store failed: block checksum mismatch")


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
