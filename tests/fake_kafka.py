"""A broker in memory: partitions with transactions, markers, fencing and compaction, as a lane's ports see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.lane.ports import LaneFailed, Message, Record

Point = Callable[[str], None]
"""Called before and after every effect with the name of the place; whoever injects faults raises there."""


def no_faults(_place: str) -> None:
    """Nothing fails."""


@dataclass(eq=False)
class FakeSession:
    """One transaction: what it appended, and whether it is open, committed or aborted."""

    state: str = "open"
    logs: list[FakeLog] = field(default_factory=list)


@dataclass
class Entry:
    """A place in a log: a record of a session (or of none), or a transaction's marker (`record` None)."""

    record: Record | None
    session: FakeSession | None


class FakeLog:
    """One partition. Offsets count markers and aborted records, and never change, not even by compaction."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.start = 0

    def append(
        self, key: bytes | None, value: bytes | None, timestamp_ms: int, session: FakeSession | None = None
    ) -> int:
        offset = len(self.entries)
        self.entries.append(Entry((offset, timestamp_ms, key, value), session))
        if session is not None and self not in session.logs:
            session.logs.append(self)
        return offset

    def end(self) -> int:
        """The last stable offset."""
        for offset, entry in enumerate(self.entries):
            if entry.session is not None and entry.session.state == "open" and entry.record is not None:
                return offset
        return len(self.entries)

    def read(self, start: int, end: int) -> list[Record]:
        """Committed records."""
        return [
            entry.record
            for entry in self.entries[max(start, self.start) : min(end, self.end())]
            if entry.record is not None and (entry.session is None or entry.session.state == "committed")
        ]

    def compact(self, tombstones_from_ms: int = 0) -> None:
        """Keep the last committed record of each key; what is overwritten or aborted becomes a gap.

        Deletions from before `tombstones_from_ms` go too, as a broker drops them after delete.retention.ms.
        """
        last = {
            record[2]: record[0]
            for record in self.read(0, self.end())
            if record[3] is not None or record[1] >= tombstones_from_ms
        }
        for offset, entry in enumerate(self.entries[: self.end()]):
            if entry.record is not None and last.get(entry.record[2]) != offset:
                entry.record = None

    def truncate(self, start: int) -> None:
        """Forget what stands before `start`."""
        self.start = start


class FakeBroker:
    """Topics are made when they are used; sessions by transactional id, of which only the latest may write."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], FakeLog] = {}
        self.owners: dict[str, FakeTransaction] = {}

    def log(self, topic: str, partition: int) -> FakeLog:
        return self.logs.setdefault((topic, partition), FakeLog())

    @staticmethod
    def end_session(session: FakeSession, state: str) -> None:
        session.state = state
        for log in session.logs:
            log.entries.append(Entry(None, session))


class FakeReader:
    """The reader port; reads in chunks of `chunk` records."""

    def __init__(self, broker: FakeBroker, point: Point = no_faults, chunk: int = 3) -> None:
        self._broker = broker
        self._point = point
        self._chunk = chunk

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        self._point("reader.bounds")
        log = self._broker.log(topic, partition)
        return log.start, log.end()

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        records = self._broker.log(topic, partition).read(start, end)
        for i in range(0, len(records), self._chunk):
            self._point("reader.read")
            yield records[i : i + self._chunk]

    def close(self) -> None:
        """Nothing is held."""


class FakeTransaction:
    """The transaction port. `now_ms` stamps what it sends."""

    def __init__(
        self,
        broker: FakeBroker,
        transactional_id: str,
        partition: int,
        point: Point = no_faults,
        now_ms: Callable[[], int] = lambda: 1,
    ) -> None:
        self._broker = broker
        self._id = transactional_id
        self._partition = partition
        self._point = point
        self._now_ms = now_ms
        self.session: FakeSession | None = None
        self._ends: dict[str, int] = {}

    def fence(self) -> None:
        self._point("fence:before")
        previous = self._broker.owners.get(self._id)
        if previous is not None and previous.session is not None and previous.session.state == "open":
            self._broker.end_session(previous.session, "aborted")
        self._broker.owners[self._id] = self
        self._point("fence:after")

    def begin(self) -> None:
        self._point("begin")
        self._check()
        self.session = FakeSession()
        self._ends = {}

    def send(self, topic: str, messages: list[Message], tracked: bool = False) -> None:
        for message in messages:
            self._point("send")
            self._check()
            log = self._broker.log(topic, self._partition)
            offset = log.append(message["key"], message["value"], self._now_ms(), self.session)
            if tracked:
                self._ends[topic] = offset + 1

    def commit(self) -> dict[str, int]:
        self._point("commit:before")
        self._check()
        assert self.session is not None, "commit follows begin"
        self._broker.end_session(self.session, "committed")
        self.session = None
        self._point("commit:after")
        return self._ends

    def close(self) -> None:
        """What is open stays open until the next owner fences, as when a process dies."""

    def _check(self) -> None:
        if self._broker.owners.get(self._id) is not self:
            raise LaneFailed(f"{self._id} was fenced")
        if self.session is not None and self.session.state != "open":
            raise LaneFailed(f"{self._id}: the transaction was aborted")
