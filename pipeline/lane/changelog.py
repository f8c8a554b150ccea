"""Brings a store up to the end of its changelogs: the tail when it is warm, everything when it is not to be trusted."""

from __future__ import annotations

import contextlib
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, final

from pipeline.lane import keys
from pipeline.lane.gaps import Witness
from pipeline.lane.ports import LaneBroken, LaneFailed, Reader, Record, Store, Writes
from pipeline.lane.remedies import another_version, lost_ids, unreadable_marker
from pipeline.wire.state import MEMBER_VERSIONS, UnreadableState, packed_next_due_ms

LOAD_FROM: Final = 50_000
"""With so many positions to go the store is loaded: it pays where opening it twice more does not count."""
BYTES_PER_WRITE: Final = 1 << 20
"""A write of the store takes about so many bytes of values at most: 32,768 ids, or some thousands of members."""
MEMBER_BYTE: Final = keys.MEMBER[0]
MEMBER_STARTS: Final = frozenset(bytes([version]) for version in MEMBER_VERSIONS)
NEVER_DUE: Final = keys.pack_number(0)

Collect = Callable[[Sequence[Record], Writes], None]
"""Collects what records of a changelog mean for the store. Raises UnreadableState."""

_HALVES: Final = struct.Struct(">16s16s")


@final
class Progress:
    """How far a restore is: records and their bytes read, positions of `total` still to go."""

    __slots__ = ("records", "size_bytes", "to_go", "total")

    def __init__(self, records: int, size_bytes: int, to_go: int, total: int) -> None:
        self.records = records
        self.size_bytes = size_bytes
        self.to_go = to_go
        self.total = total


@final
class Restored:
    """What a restore did: `records` read, with their bytes; `wiped` says why the store was cleared first, or is
    empty."""

    __slots__ = ("changelog_end", "ids_end", "records", "size_bytes", "wiped")

    def __init__(self, records: int, wiped: str, changelog_end: int, ids_end: int, size_bytes: int = 0) -> None:
        self.records = records
        self.wiped = wiped
        self.changelog_end = changelog_end
        self.ids_end = ids_end
        self.size_bytes = size_bytes


@final
class Changelog:
    """The two changelog partitions of one lane: of its state (compacted) and of decided ids (kept for long).

    `ids_topic` is empty for a lane that remembers no ids. `collect` tells what records of the state mean for the
    store. `origin` names cluster and topics, so that a store built from others is noticed. A store that was last
    written longer than `tombstones_kept_ms` ago may have missed deletions that compaction has dropped since.
    """

    def __init__(
        self,
        state_topic: str,
        ids_topic: str,
        partition: int,
        origin: bytes,
        tombstones_kept_ms: int,
        collect: Collect | None = None,
    ) -> None:
        self.state_topic = state_topic
        self.ids_topic = ids_topic
        self.collect = collect_state if collect is None else collect
        self.partition = partition
        self.origin = origin
        self.tombstones_kept_ms = tombstones_kept_ms

    def restore(
        self,
        reader: Reader,
        store: Store,
        clock: Callable[[], int],
        progress: Callable[[Progress], None],
        load_from: int = LOAD_FROM,
    ) -> Restored:
        """Read both changelogs from where the store stands to the end. Only to be called after the lane has fenced
        others.

        Every write into the store takes its position along, so that a restore that is cut short goes on where it was,
        and a store that lacks something never says that it has it. From `load_from` positions on the store is loaded.

        `clock` tells ms since 1970 UTC. Raises LaneFailed where a key may have been read whose deletion was dropped
        before it could be read too: when the end was reached longer after the store was last whole, or begun, than
        deletions are kept. It still says so then, and the next opening wipes it.
        """
        now_ms = clock()
        state_start, state_end = reader.bounds(self.state_topic, self.partition)
        ids_start, ids_end = reader.bounds(self.ids_topic, self.partition) if self.ids_topic else (0, 0)
        wiped = self._distrust(store, now_ms, state_start, state_end, ids_end)
        if wiped:
            store.clear()
        if store.get(keys.ORIGIN) is None:
            store.write([(keys.ORIGIN, self.origin), (keys.WRITTEN_AT, keys.pack_number(now_ms))])
        from_state = max(_position(store, keys.CHANGELOG_POSITION), state_start)
        from_ids = max(_position(store, keys.IDS_POSITION), ids_start)
        total = (ids_end - from_ids) + (state_end - from_state)
        loading = total >= load_from
        if loading:
            store.start_loading()
        done = Progress(0, 0, total, total)
        if self.ids_topic:
            self._carry(reader, store, _Part(self.ids_topic, from_ids, ids_end, keys.IDS_POSITION, collect_ids), done,
                        progress)  # fmt: skip
        self._carry(reader, store, _Part(self.state_topic, from_state, state_end, keys.CHANGELOG_POSITION,
                                         self.collect), done, progress)  # fmt: skip
        if loading:
            store.finish_loading()
        self._check_time_taken(clock() - _position(store, keys.WRITTEN_AT))
        store.write([(keys.WRITTEN_AT, keys.pack_number(now_ms))])
        return Restored(done.records, wiped, state_end, ids_end, done.size_bytes)

    def _carry(
        self, reader: Reader, store: Store, part: _Part, done: Progress, progress: Callable[[Progress], None]
    ) -> None:
        """Bring what one changelog has into the store; nothing is written that the witness does not know for whole."""
        to_go = done.to_go - (part.end - part.start)
        with contextlib.closing(Witness(reader, part.topic, self.partition, part.start, part.end)) as witness:
            for chunk in reader.read(part.topic, self.partition, part.start, part.end):
                witness.check(chunk)
                for records, size_bytes in _slices(chunk):
                    position = records[-1][0] + 1
                    self._apply(store, part, records, position)
                    done.records += len(records)
                    done.size_bytes += size_bytes
                    done.to_go = to_go + part.end - position
                progress(done)
            witness.check_end()
        store.write([(part.position_key, keys.pack_number(part.end))])
        done.to_go = to_go

    def _apply(self, store: Store, part: _Part, records: Sequence[Record], position: int) -> None:
        """One write of the store: what `records` mean, and the position behind them."""
        writes = store.writes()
        try:
            part.collect(records, writes)
        except UnreadableState as error:
            raise LaneBroken(
                f"{part.topic}/{self.partition} is of another version of the pipeline: {error}", another_version()
            ) from error
        writes.put(part.position_key, keys.pack_number(position))
        store.apply(writes)

    def _check_time_taken(self, passed_ms: int) -> None:
        if passed_ms > self.tombstones_kept_ms:
            raise LaneFailed(
                f"restoring {self.state_topic}/{self.partition} ended {passed_ms // 1000} s after its store was begun "
                f"or last whole, and deletions are kept for {self.tombstones_kept_ms // 1000} s: set a longer "
                "delete.retention.ms"
            )

    def marker(self, store: Store, ids_end: int) -> keys.Marker | None:
        """The last marker of the restored store. Raises LaneBroken if it is not readable, or if decided ids are
        missing from their changelog."""
        packed = store.get(keys.MARKER)
        if packed is None:
            return None
        try:
            marker = keys.Marker.unpack(packed)
        except ValueError as error:
            raise LaneBroken(f"{self.state_topic}/{self.partition}: {error}", unreadable_marker()) from error
        if ids_end < marker.ids_end:
            raise LaneBroken(
                f"{self.ids_topic}/{self.partition} ends at {ids_end}, but the lane's marker knows {marker.ids_end}: "
                "decided ids are lost and events could count twice",
                lost_ids(),
            )
        return marker

    def _distrust(self, store: Store, now_ms: int, state_start: int, state_end: int, ids_end: int) -> str:
        """Why the store cannot be taken as it is, or an empty text."""
        origin = store.get(keys.ORIGIN)
        if origin is None:
            return "" if next(store.scan(b"", b"\xff"), None) is None else "it does not say what it was built from"
        if origin != self.origin:
            return "it was built from another cluster or from topics that have been created anew"
        position = _position(store, keys.CHANGELOG_POSITION)
        if position > state_end or _position(store, keys.IDS_POSITION) > ids_end:
            return "it is ahead of its changelogs"
        if position < state_start:
            return "its changelog begins after it"
        age_ms = now_ms - _position(store, keys.WRITTEN_AT)
        if age_ms > self.tombstones_kept_ms:
            kept_s = self.tombstones_kept_ms // 1000
            return f"it was last written {age_ms // 1000} s ago and deletions are kept for {kept_s} s"
        return ""


@final
class _Part:
    """One of the changelogs: from where to where it is read, what its records mean, and the key of its position."""

    __slots__ = ("collect", "end", "position_key", "start", "topic")

    def __init__(
        self,
        topic: str,
        start: int,
        end: int,
        position_key: bytes,
        collect: Collect,
    ) -> None:
        self.topic = topic
        self.start = start
        self.end = end
        self.position_key = position_key
        self.collect = collect


def collect_state(records: Sequence[Record], writes: Writes) -> None:
    """What changelog records mean for the store. A member's old place in the index of due work stays, a stale hint.

    Raises UnreadableState.
    """
    put, delete = writes.put, writes.delete
    member, starts, index, never_due = MEMBER_BYTE, MEMBER_STARTS, keys.DUE, NEVER_DUE
    for _offset, _timestamp_ms, key, value in records:
        assert key is not None, "a changelog record has a key"
        if value is None:
            delete(key)
            continue
        put(key, value)
        if key[0] == member:
            due = value[1:9]  # as it stands: millions of these are read, and the index is made of the same bytes
            if value[:1] not in starts or len(due) < 8:
                packed_next_due_ms(value)  # says what is wrong
            if due != never_due:
                put(index + due + key[1:], b"")


def collect_ids(records: Sequence[Record], writes: Writes) -> None:
    """What records of decided ids mean for the store. Raises UnreadableState."""
    put = writes.put
    for _offset, _timestamp_ms, _key, value in records:
        assert value is not None, "a record of decided ids has a value"
        if len(value) % keys.ID_BYTES:
            raise UnreadableState(f"a record of decided ids is no multiple of {keys.ID_BYTES} bytes")
        prefixes, begins = _generations(value)
        if begins:
            for identity, seen in _HALVES.iter_unpack(value):
                put(prefixes[bisect_right(begins, seen[8:])] + identity, seen)
        else:
            prefix = prefixes[0]
            for identity, seen in _HALVES.iter_unpack(value):
                put(prefix + identity, seen)


def _generations(value: bytes) -> tuple[list[bytes], list[bytes]]:
    """Prefixes of the generations, from the first to the last, that a record's ids belong to, and the packed times at
    which each but the first begins. Ids that were decided together are nearly always of one."""
    numbers = array("q", value)
    times = numbers[3::4]
    if sys.byteorder == "little":
        times.byteswap()
    earliest_ms, latest_ms = min(times, default=0), max(times, default=0)
    present = range(keys.generation(earliest_ms), keys.generation(latest_ms) + 1)
    return list(map(keys.seen_prefix, present)), [keys.pack_number(one * keys.GENERATION_MS) for one in present[1:]]


def _slices(chunk: Sequence[Record]) -> Iterator[tuple[Sequence[Record], int]]:
    """Parts of a chunk with their size in bytes, each of BYTES_PER_WRITE or of one record."""
    ends = list(accumulate(0 if value is None else len(value) for _offset, _timestamp_ms, _key, value in chunk))
    first = done = 0
    while first < len(chunk):
        after = max(bisect_right(ends, done + BYTES_PER_WRITE), first + 1)
        yield chunk[first:after], ends[after - 1] - done
        first, done = after, ends[after - 1]


def _position(store: Store, key: bytes) -> int:
    packed = store.get(key)
    return 0 if packed is None else keys.unpack_number(packed)
