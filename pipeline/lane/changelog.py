"""Brings a store up to the end of its changelogs: the tail when it is warm, everything when it is not to be trusted."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, final

from pipeline.lane import keys
from pipeline.lane.ports import Change, LaneBroken, LaneFailed, Reader, Record, Store
from pipeline.lane.remedies import another_version, lost_ids, unreadable_marker
from pipeline.wire.state import MEMBER_VERSIONS, UnreadableState, packed_next_due_ms

LOAD_FROM: Final = 50_000
"""With so many positions to go the store is loaded: it pays where opening it twice more does not count."""
BYTES_PER_WRITE: Final = 1 << 20
"""A write of the store takes about so many bytes of values at most: 32,768 ids, or some thousands of members."""
MEMBER_BYTE: Final = keys.MEMBER[0]
MEMBER_STARTS: Final = frozenset(bytes([version]) for version in MEMBER_VERSIONS)
NEVER_DUE: Final = keys.pack_number(0)

ChangesOf = Callable[[Sequence[Record]], list[Change]]
"""What records of a changelog mean for the store. Raises UnreadableState."""

_HALVES: Final = struct.Struct(">16s16s")
_TIMES: Final = struct.Struct(">24xq")


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

    `ids_topic` is empty for a lane that remembers no ids. `changes_of` tells what records of the state mean for the
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
        changes_of: ChangesOf | None = None,
    ) -> None:
        self.state_topic = state_topic
        self.ids_topic = ids_topic
        self.changes_of = state_changes if changes_of is None else changes_of
        self.partition = partition
        self.origin = origin
        self.tombstones_kept_ms = tombstones_kept_ms

    def restore(
        self,
        reader: Reader,
        store: Store,
        now_ms: int,
        progress: Callable[[Progress], None],
        load_from: int = LOAD_FROM,
    ) -> Restored:
        """Read both changelogs from where the store stands to the end. Only to be called after the lane has fenced
        others.

        Every write into the store takes its position along, so that a restore that is cut short goes on where it was,
        and a store that lacks something never says that it has it. From `load_from` positions on the store is loaded.
        """
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
            self._carry(reader, store, _Part(self.ids_topic, from_ids, ids_end, keys.IDS_POSITION, id_changes), done,
                        progress)  # fmt: skip
        self._carry(reader, store, _Part(self.state_topic, from_state, state_end, keys.CHANGELOG_POSITION,
                                         self.changes_of), done, progress)  # fmt: skip
        if loading:
            store.finish_loading()
        store.write([(keys.WRITTEN_AT, keys.pack_number(now_ms))])
        return Restored(done.records, wiped, state_end, ids_end, done.size_bytes)

    def _carry(
        self, reader: Reader, store: Store, part: _Part, done: Progress, progress: Callable[[Progress], None]
    ) -> None:
        """Bring what one changelog has into the store."""
        to_go = done.to_go - (part.end - part.start)
        for chunk in reader.read(part.topic, self.partition, part.start, part.end):
            for records, size_bytes in _slices(chunk):
                try:
                    changes = part.changes_of(records)
                except UnreadableState as error:
                    raise LaneBroken(
                        f"{part.topic}/{self.partition} is of another version of the pipeline: {error}",
                        another_version(),
                    ) from error
                position = records[-1][0] + 1
                changes.append((part.position_key, keys.pack_number(position)))
                store.write(changes)
                done.records += len(records)
                done.size_bytes += size_bytes
                done.to_go = to_go + part.end - position
            progress(done)
        store.write([(part.position_key, keys.pack_number(part.end))])
        done.to_go = to_go

    def check_time_taken(self, restore_ms: int) -> None:
        """Raises LaneFailed where a key may have been read whose deletion was dropped before it could be read too.

        The store still says that it was last written when the restore began, so the next opening wipes it.
        """
        if restore_ms > self.tombstones_kept_ms:
            raise LaneFailed(
                f"restoring {self.state_topic}/{self.partition} took {restore_ms // 1000} s and deletions are kept for "
                f"{self.tombstones_kept_ms // 1000} s: set a longer delete.retention.ms"
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

    __slots__ = ("changes_of", "end", "position_key", "start", "topic")

    def __init__(
        self,
        topic: str,
        start: int,
        end: int,
        position_key: bytes,
        changes_of: ChangesOf,
    ) -> None:
        self.topic = topic
        self.start = start
        self.end = end
        self.position_key = position_key
        self.changes_of = changes_of


def state_changes(records: Sequence[Record]) -> list[Change]:
    """What changelog records mean for the store. A member's old place in the index of due work stays, a stale hint.

    Raises UnreadableState.
    """
    changes: list[Change] = []
    append = changes.append
    for _offset, _timestamp_ms, key, value in records:
        assert key is not None, "a changelog record has a key"
        append((key, value))
        if key[0] == MEMBER_BYTE and value is not None:
            due = value[1:9]  # as it stands: millions of these are read, and the index is made of the same bytes
            if value[:1] not in MEMBER_STARTS or len(due) < 8:
                packed_next_due_ms(value)  # says what is wrong
            if due != NEVER_DUE:
                append((keys.DUE + due + key[1:], b""))
    return changes


def id_changes(records: Sequence[Record]) -> list[Change]:
    """What records of decided ids mean for the store. Raises UnreadableState."""
    changes: list[Change] = []
    prefixes: dict[int, bytes] = {}
    length = keys.GENERATION_MS
    try:
        for _offset, _timestamp_ms, _key, value in records:
            assert value is not None, "a record of decided ids has a value"
            for (identity, seen), (at_ms,) in zip(_HALVES.iter_unpack(value), _TIMES.iter_unpack(value), strict=True):
                prefix = prefixes.get(at_ms // length)
                if prefix is None:
                    prefix = prefixes[at_ms // length] = keys.seen_prefix(keys.generation(at_ms))
                changes.append((prefix + identity, seen))
    except struct.error as error:
        raise UnreadableState(f"a record of decided ids is no multiple of {keys.ID_BYTES} bytes") from error
    return changes


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
