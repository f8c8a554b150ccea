"""Where the state of an intake lane stands in its table: feeds with their counts, parked messages, events seen."""

from __future__ import annotations

from itertools import islice
from typing import Final, final

import msgspec

from pipeline.lane import keys
from pipeline.lane.ports import Record
from pipeline.lane.table import Table

FEED: Final = b"f"  # + feed: its state
PARKED: Final = b"q"  # + feed + 00 + number (8): a message that waits for the feed's release
SEEN: Final = b"s"  # + digest (16): when the event was taken (8)
SEEN_AT: Final = b"t"  # + time (8) + digest (16): nothing; by when the former are forgotten
MEMBER: Final = b"m"  # + end of the stretch (8) + feed + 00 + member: events of the member in it (8)

SEEN_MS: Final = 7 * 86_400_000
"""So long an event that comes again costs nothing of its feed's limits. The log knows it for 90 days."""

OPEN: Final = ""
HELD: Final = "held"
RELEASING: Final = "releasing"
REFUSING: Final = "refusing"


@final
class FeedState(msgspec.Struct, array_like=True):
    """A feed as its lane knows it: `mode` is one of the four above, `why` it is held, and by whom.

    `events` and `totals` by currency were taken in the stretch that ends at `ends_ms`. `first` and `next` are the
    numbers of parked messages. `counts` are of events taken and repeated, and of messages refused, since ever.
    """

    mode: str = OPEN
    why: str = ""
    author: str = ""
    ends_ms: int = 0
    events: int = 0
    totals: dict[str, int] = msgspec.field(default_factory=dict)
    first: int = 0
    next: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def parked(self) -> int:
        """How many messages wait."""
        return self.next - self.first

    def count(self, what: str, by: int = 1) -> None:
        """So many more."""
        if by:
            self.counts[what] = self.counts.get(what, 0) + by


_feed: Final = msgspec.msgpack.Decoder(FeedState)
_parked: Final = msgspec.msgpack.Decoder(tuple[int, int, bytes, bytes])
pack: Final = msgspec.msgpack.encode


def read_feed(value: bytes) -> FeedState:
    """A feed's state as its key holds it."""
    return _feed.decode(value)


@final
class FeedTable:
    """Feeds over a lane's table. What is read of a feed is kept only by `save`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def feed(self, feed_id: str) -> FeedState:
        """As it stands; a new one where nothing was heard of it."""
        value = self._table.get(FEED + feed_id.encode())
        return FeedState() if value is None else read_feed(value)

    def save(self, feed_id: str, state: FeedState) -> None:
        self._table.put(FEED + feed_id.encode(), pack(state))

    def feeds(self) -> list[tuple[str, FeedState]]:
        """All of which something was heard."""
        return [(key[1:].decode(), read_feed(value)) for key, value in self._table.scan(FEED, FEED + b"\xff")]

    def park(self, feed_id: str, state: FeedState, record: Record) -> None:
        """Put a message behind those that wait."""
        offset, at_ms, key, value = record
        self._table.put(_parked_key(feed_id, state.next), pack((offset, at_ms, key or b"", value or b"")))
        state.next += 1

    def first_parked(self, feed_id: str, state: FeedState) -> Record:
        """The message that has waited longest; there must be one."""
        value = self._table.get(_parked_key(feed_id, state.first))
        assert value is not None, f"feed {feed_id} has parked message {state.first}"
        return _parked.decode(value)

    def drop_first(self, feed_id: str, state: FeedState) -> None:
        """Done with it."""
        self._table.delete(_parked_key(feed_id, state.first))
        state.first += 1

    def seen(self, digest: bytes) -> bool:
        return self._table.get(SEEN + digest) is not None

    def see(self, digest: bytes, at_ms: int) -> None:
        self._table.put(SEEN + digest, keys.pack_number(at_ms))
        self._table.put(b"".join((SEEN_AT, keys.pack_number(at_ms), digest)), b"")

    def member_events(self, feed_id: str, member_id: str, ends_ms: int) -> int:
        """Events of a member in the stretch that ends then."""
        value = self._table.get(_member_key(feed_id, member_id, ends_ms))
        return 0 if value is None else keys.unpack_number(value)

    def put_member_events(self, feed_id: str, member_id: str, ends_ms: int, events: int) -> None:
        self._table.put(_member_key(feed_id, member_id, ends_ms), keys.pack_number(events))

    def forget(self, now_ms: int, most: int) -> None:
        """Let go of so many events seen long ago, and of stretches that are over."""
        old = list(islice(self._table.scan(SEEN_AT, SEEN_AT + keys.pack_number(max(now_ms - SEEN_MS, 0))), most))
        for key, _ in old:
            self._table.delete(key)
            self._table.delete(SEEN + key[9:])
        for key, _ in list(islice(self._table.scan(MEMBER, MEMBER + keys.pack_number(now_ms)), most)):
            self._table.delete(key)


def _parked_key(feed_id: str, number: int) -> bytes:
    return b"".join((PARKED, feed_id.encode(), b"\0", keys.pack_number(number)))


def _member_key(feed_id: str, member_id: str, ends_ms: int) -> bytes:
    return b"".join((MEMBER, keys.pack_number(ends_ms), feed_id.encode(), b"\0", member_id.encode()))
