"""A broker in memory: partitions with transactions, markers, fencing and compaction, as a lane's ports see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pipeline.lane.ports import LaneFailed, Message, Record

Point = Callable[[str], None]
"""Called before and after every effect with the name of the place; whoever injects faults raises there."""


def no_faults(_place: str) -> None:
    """Nothing fails."""


class Fenced(LaneFailed):
    """Another owner has the transactional id, or the broker has given up on it."""


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
        self.headers: dict[int, dict[str, bytes]] = {}  # of the records that have some
        self._deletions_ms: dict[int, int] = {}  # when compaction first kept a deletion, by its offset
        self._open: dict[FakeSession, int] = {}  # where the first record of each open session stands

    def append(
        self, key: bytes | None, value: bytes | None, timestamp_ms: int, session: FakeSession | None = None
    ) -> int:
        offset = len(self.entries)
        self.entries.append(Entry((offset, timestamp_ms, key, value), session))
        if session is not None and session not in self._open:
            session.logs.append(self)
            self._open[session] = offset
        return offset

    def end_session(self, session: FakeSession) -> None:
        """The session is decided: its marker stands in the log."""
        del self._open[session]
        self.entries.append(Entry(None, session))

    def end(self) -> int:
        """The last stable offset."""
        return min(self._open.values()) if self._open else len(self.entries)

    def read(self, start: int, end: int, limit: int = 2**31) -> list[Record]:
        """Committed records, the first `limit` of them."""
        found: list[Record] = []
        for entry in islice(self.entries, max(start, self.start), min(end, self.end())):
            if entry.record is not None and (entry.session is None or entry.session.state == "committed"):
                found.append(entry.record)
                if len(found) == limit:
                    break
        return found

    def compact(self, now_ms: int, deletions_kept_ms: int) -> None:
        """Keep the last committed record of each key; what is overwritten or aborted becomes a gap.

        A deletion goes `deletions_kept_ms` after a compaction first kept it, as KIP-534 has it: whoever has read what
        it deletes has at least so long to read it, too.
        """
        end = self.end()
        last = {record[2]: record for record in self.read(0, end)}
        kept = {
            offset
            for offset, _, _, value in last.values()
            if value is not None or now_ms < self._deletions_ms.setdefault(offset, now_ms) + deletions_kept_ms
        }
        for offset, entry in enumerate(self.entries[:end]):
            if entry.record is not None and offset not in kept:
                entry.record = None

    def truncate(self, start: int) -> None:
        """Forget what stands before `start`."""
        self.start = start


class FakeBroker:
    """Topics are made when they are used; sessions by transactional id, of which only the latest may write.

    `late` are commits whose senders no longer wait for the answer and which have not arrived yet.
    """

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], FakeLog] = {}
        self.owners: dict[str, FakeTransaction] = {}
        self.late: list[FakeTransaction] = []

    def log(self, topic: str, partition: int) -> FakeLog:
        return self.logs.setdefault((topic, partition), FakeLog())

    @staticmethod
    def end_session(session: FakeSession, state: str) -> None:
        session.state = state
        for log in session.logs:
            log.end_session(session)

    def let_late_commits_arrive(self) -> tuple[int, int]:
        """(how many did commit, how many came too late: their owner was shut out, their session aborted)."""
        arrived, self.late = self.late, []
        committed = 0
        for transaction in arrived:
            session = transaction.session
            if self.owners.get(transaction.transactional_id) is transaction and session is not None:
                self.end_session(session, "committed")
                transaction.session = None
                committed += 1
        return committed, len(arrived) - committed

    def time_out(self, transactional_id: str) -> bool:
        """Give up on an owner that left its transaction open for too long; False if it did not."""
        owner = self.owners.get(transactional_id)
        if owner is None or owner.session is None or owner.session.state != "open":
            return False
        self.end_session(owner.session, "aborted")
        del self.owners[transactional_id]
        return True


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

    def another(self) -> FakeReader:
        return FakeReader(self._broker, self._point, self._chunk)

    def close(self) -> None:
        """Nothing is held."""


class FakeTransaction:
    """The transaction port. `now_ms` stamps what it sends.

    Whoever raises at the place "commit:on its way" leaves the request under way: it arrives when the broker lets it.
    """

    def __init__(
        self,
        broker: FakeBroker,
        transactional_id: str,
        partition: int,
        point: Point = no_faults,
        now_ms: Callable[[], int] = lambda: 1,
    ) -> None:
        self._broker = broker
        self.transactional_id = transactional_id
        self._partition = partition
        self._point = point
        self._now_ms = now_ms
        self.session: FakeSession | None = None
        self._ends: dict[str, int] = {}

    def fence(self) -> None:
        self._point("fence:before")
        previous = self._broker.owners.get(self.transactional_id)
        if previous is not None and previous.session is not None and previous.session.state == "open":
            self._broker.end_session(previous.session, "aborted")
        self._broker.owners[self.transactional_id] = self
        self._point("fence:after")

    def begin(self) -> None:
        self._point("begin")
        self._check()
        if self.session is not None:
            raise LaneFailed(f"{self.transactional_id}: a transaction is under way")
        self.session = FakeSession()
        self._ends = {}

    def send(self, topic: str, messages: list[Message], tracked: bool = False) -> None:
        for message in messages:
            self._point("send")
            self._check()
            log = self._broker.log(topic, message.get("partition", self._partition))
            offset = log.append(message["key"], message["value"], self._now_ms(), self.session)
            if message.get("headers"):
                log.headers[offset] = dict(message["headers"])
            if tracked:
                self._ends[topic] = offset + 1

    def commit(self) -> dict[str, int]:
        self._point("commit:before")
        self._check()
        assert self.session is not None, "commit follows begin"
        try:
            self._point("commit:on its way")
        except BaseException:
            self._broker.late.append(self)
            raise
        self._check()
        self._broker.end_session(self.session, "committed")
        self.session = None
        self._point("commit:after")
        return self._ends

    def close(self) -> None:
        """What is open stays open until the next owner fences, as when a process dies."""

    def _check(self) -> None:
        if self._broker.owners.get(self.transactional_id) is not self:
            raise Fenced(f"{self.transactional_id} was fenced")
        if self.session is not None and self.session.state != "open":
            raise LaneFailed(f"{self.transactional_id}: the transaction was aborted")
