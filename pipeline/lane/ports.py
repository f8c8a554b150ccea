"""What a lane needs from outside: a reader, a transaction, a store and a clock."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, final

Record = tuple[int, int, bytes | None, bytes | None]
"""(offset, timestamp in ms, key, value) of one log record."""

Message = dict[str, Any]
"""A record to be sent: "key" and "value", bytes or None (a None value deletes the key), perhaps "headers" (then the
first of its list has them too, perhaps none) and "partition" where it is not the lane's own."""

Change = tuple[bytes, bytes | None]
"""A key and its new value, or None where the key is deleted."""


@final
class Batch:
    """Records of one source partition, in order, and the positions they stand between.

    `start` is the end of the batch fetched before it for the same lane (or where the lane asked to begin), `end` the
    position after the last record. Offsets have gaps where transaction markers and aborted records stand, so only
    these positions prove that nothing was lost between two batches. `lane` tells for which opening of which lane the
    batch was fetched.
    """

    __slots__ = ("end", "lane", "records", "start")

    def __init__(self, records: list[Record], start: int, end: int, lane: object = None) -> None:
        assert records, "a batch holds at least one record"
        assert start <= records[0][0] <= records[-1][0] < end, (start, records[0][0], records[-1][0], end)
        self.records = records
        self.start = start
        self.end = end
        self.lane = lane

    def __repr__(self) -> str:
        return f"Batch({len(self.records)} records, {self.start}..{self.end})"


class Reader(Protocol):
    """Committed records of topic partitions."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset still there, position after the last committed record)."""

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        """Committed records from `start` up to `end` (as `bounds` gave it), in chunks of bounded size."""

    def another(self) -> "Reader":
        """A reader that shares nothing with this one, to read at the same time; whoever asks for it closes it."""

    def close(self) -> None:
        """Give up what the reader holds; it opens again by itself when it is used again."""


class Transaction(Protocol):
    """One transactional producer of one lane: whatever it sends between `begin` and `commit` is visible whole or not
    at all.

    Every method raises `LaneFailed` when the outcome is not certain; the object is then of no more use but for `close`.
    """

    def fence(self) -> None:
        """Shut out every earlier owner of this transactional id; what they left open is aborted when this returns."""

    def begin(self) -> None: ...

    def send(self, topic: str, messages: list[Message], tracked: bool = False) -> None:
        """Append to `topic`, to the lane's own partition but for messages that name one.

        `tracked`: `commit` tells where the last of them landed.
        """

    def commit(self) -> dict[str, int]:
        """Decide it: readers see it a moment later. Returns for each tracked topic where its last record ends."""

    def close(self) -> None:
        """Give up what is open; it is aborted by whoever fences next."""


class Writes(Protocol):
    """Changes that are being collected for one write of a store."""

    def put(self, key: bytes, value: bytes, /) -> object: ...

    def delete(self, key: bytes, /) -> object: ...


class Store(Protocol):
    """An ordered table of bytes, a cache of the changelog. A write is there whole or not at all, whatever happens."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values in the order of `keys`."""

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < stop, ascending."""

    def write(self, changes: Sequence[Change]) -> None:
        """All of it or nothing; later changes of the same key win."""

    def writes(self) -> Writes:
        """An empty collection, for whoever has more changes than to make a list of them first."""

    def apply(self, writes: Writes) -> None:
        """As `write`; `writes` are this store's, and of no more use afterwards."""

    def discard(self, start: bytes, stop: bytes) -> None:
        """Delete all keys with start <= key < stop."""

    def clear(self) -> None:
        """Forget everything."""

    def start_loading(self) -> None:
        """From now on much is written and nothing read: of what is written, a crash may take any number of the latest
        writes away, and each of them whole."""

    def finish_loading(self) -> None:
        """What was loaded is kept as any write is, and can be read."""

    def close(self) -> None: ...


class Clock(Protocol):
    """The wall clock and the patience of a lane."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Seconds, to measure how long something took."""

    def wait(self, seconds: float) -> None:
        """Let time go by. Raises `LaneClosing` as soon as the lane is asked to close."""


class LaneFailed(Exception):
    """What became of a step is not known, or it could not be done now: the lane is opened anew."""


class LaneBroken(Exception):
    """An invariant does not hold: the partition stands still until someone has looked at it.

    `remedy` says what they can do, with the command as typed.
    """

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


class LaneClosing(Exception):
    """The lane was asked to close while it waited; what was not committed is processed by the next owner."""
