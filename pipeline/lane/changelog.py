"""Brings a store up to the end of its changelogs: the tail when it is warm, everything when it is not to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from pipeline.lane import keys
from pipeline.lane.ports import Change, LaneBroken, Reader, Record, Store
from pipeline.lane.remedies import another_version, lost_ids, unreadable_marker
from pipeline.wire.state import UnreadableState, packed_next_due_ms

Progress = Callable[[int, int], None]
"""(records restored so far, positions still to go)."""


@final
class Restored:
    """What a restore did: `records` read; `wiped` says why the store was cleared first, or is empty."""

    __slots__ = ("changelog_end", "ids_end", "records", "wiped")

    def __init__(self, records: int, wiped: str, changelog_end: int, ids_end: int) -> None:
        self.records = records
        self.wiped = wiped
        self.changelog_end = changelog_end
        self.ids_end = ids_end


@final
class Changelog:
    """The two changelog partitions of one lane: of its state (compacted) and of decided ids (kept for long).

    `origin` names cluster and topics, so that a store built from others is noticed. A store that was last written
    longer than `tombstones_kept_ms` ago may have missed deletions that compaction has dropped since.
    """

    def __init__(
        self, state_topic: str, ids_topic: str, partition: int, origin: bytes, tombstones_kept_ms: int
    ) -> None:
        self.state_topic = state_topic
        self.ids_topic = ids_topic
        self.partition = partition
        self.origin = origin
        self.tombstones_kept_ms = tombstones_kept_ms

    def restore(self, reader: Reader, store: Store, now_ms: int, progress: Progress) -> Restored:
        """Read both changelogs from where the store stands to the end. Only to be called after the lane has fenced
        others.

        Every chunk goes into the store together with its position, so that a restore that is cut short goes on where
        it was.
        """
        state_start, state_end = reader.bounds(self.state_topic, self.partition)
        ids_start, ids_end = reader.bounds(self.ids_topic, self.partition)
        wiped = self._distrust(store, now_ms, state_start, state_end, ids_end)
        if wiped:
            store.clear()
        if store.get(keys.ORIGIN) is None:
            store.write([(keys.ORIGIN, self.origin), (keys.WRITTEN_AT, keys.pack_number(now_ms))])
        from_state = max(_position(store, keys.CHANGELOG_POSITION), state_start)
        from_ids = max(_position(store, keys.IDS_POSITION), ids_start)
        records = 0
        parts: tuple[tuple[str, int, int, bytes, Callable[[Sequence[Record]], list[Change]]], ...] = (
            (self.ids_topic, from_ids, ids_end, keys.IDS_POSITION, id_changes),
            (self.state_topic, from_state, state_end, keys.CHANGELOG_POSITION, state_changes),
        )
        to_go = (ids_end - from_ids) + (state_end - from_state)
        for topic, start, end, position_key, changes_of in parts:
            for chunk in reader.read(topic, self.partition, start, end):
                try:
                    changes = changes_of(chunk)
                except UnreadableState as error:
                    raise LaneBroken(
                        f"{topic}/{self.partition} is of another version of the pipeline: {error}", another_version()
                    ) from error
                changes.append((position_key, keys.pack_number(chunk[-1][0] + 1)))
                store.write(changes)
                records += len(chunk)
                progress(records, max(to_go - records, 0))
            store.write([(position_key, keys.pack_number(end))])
        store.write([(keys.WRITTEN_AT, keys.pack_number(now_ms))])
        return Restored(records, wiped, state_end, ids_end)

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


def state_changes(records: Sequence[Record]) -> list[Change]:
    """What changelog records mean for the store. A member's old place in the index of due work stays, a stale hint."""
    changes: list[Change] = []
    for _offset, _timestamp_ms, key, value in records:
        assert key is not None, "a changelog record has a key"
        changes.append((key, value))
        if value is not None and key.startswith(keys.MEMBER):
            due_ms = packed_next_due_ms(value)
            if due_ms:
                changes.append((keys.DUE + keys.pack_number(due_ms) + key[1:], b""))
    return changes


def id_changes(records: Sequence[Record]) -> list[Change]:
    """What records of decided ids mean for the store."""
    changes: list[Change] = []
    size = keys.ID_BYTES
    for _offset, _timestamp_ms, _key, value in records:
        assert value is not None, "a record of decided ids has a value"
        for i in range(0, len(value), size):
            generation = keys.generation(keys.unpack_number(value[i + 24 : i + size]))
            changes.append((keys.seen_prefix(generation) + value[i : i + 16], value[i + 16 : i + size]))
    return changes


def _position(store: Store, key: bytes) -> int:
    packed = store.get(key)
    return 0 if packed is None else keys.unpack_number(packed)
