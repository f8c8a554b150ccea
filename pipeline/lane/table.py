"""What a core with a lane of its own reads, writes and puts out: a table over the lane's store, and an outbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from pipeline.lane import keys
from pipeline.lane.changes import Changes
from pipeline.lane.outputs import Note, headers_known
from pipeline.lane.ports import Change, Message, Store

RESERVED: Final = (keys.MARKER[:1], keys.CHANGELOG_POSITION[:1])
"""First bytes of keys that are the lane's own: the marker's, and those of what a store says about itself."""
NOTES_MAX: Final = 50
"""So many refused records of a commit are named in the worker's log; others are counted."""


@final
class Table:
    """A table of bytes in the lane's store. Reads see what was written since the last commit.

    Keys must not begin with a byte of `RESERVED`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """None where the key is not there. Raises LaneFailed."""
        return self._changes[key] if key in self._changes else self._store.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        assert key[:1] not in RESERVED, f"key {key!r} belongs to the lane: begin it with another byte"
        self._changes[key] = value

    def delete(self, key: bytes) -> None:
        """A key that is not there stays so."""
        self._changes[key] = None

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < stop, ascending. What is written meanwhile may or may not be among them.

        Raises LaneFailed.
        """
        changes = self._changes
        changed = sorted([(key, value) for key, value in changes.items() if start <= key < stop], reverse=True)
        for key, value in self._store.scan(start, stop):
            while changed and changed[-1][0] < key:
                new_key, new_value = changed.pop()
                if new_value is not None:
                    yield new_key, new_value
            if changed and changed[-1][0] == key:
                _, new_value = changed.pop()
                if new_value is not None:
                    yield key, new_value
            else:
                yield key, value
        while changed:
            new_key, new_value = changed.pop()
            if new_value is not None:
                yield new_key, new_value

    # ---- for the lane

    @property
    def changed(self) -> bool:
        """Whether anything was written since the last commit."""
        return bool(self._changes)

    def collect(self) -> Changes:
        """What was written since the last commit, as a commit carries it."""
        changelog: list[Change] = list(self._changes.items())
        return Changes(changelog, [], b"", [])

    def clear(self) -> None:
        """What was written is in the store, or is to be forgotten."""
        self._changes = {}


@final
class Outbox:
    """What a core puts out, encoded, by topic and in order. `count` records; `rejections` are counted by reason."""

    def __init__(self) -> None:
        self._messages: dict[str, list[Message]] = {}
        self.count = 0
        self.rejections: dict[str, int] = {}
        self.notes: list[Note] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """A record for `topic` (its name on the cluster): to the partition with the lane's own number, or another."""
        message: Message = {"key": key, "value": value}
        if partition is not None:
            message["partition"] = partition
        self._add(topic, message)

    def send_with_header(self, topic: str, key: bytes, value: bytes, header: str, content: bytes) -> None:
        """A record with one header, for the partition with the lane's own number."""
        self._add(topic, {"key": key, "value": value, "headers": [(header, content)]})

    def refuse(self, offset: int, reason: str, detail: str) -> None:
        """Count and name a record that was refused; what becomes of it is sent separately."""
        self.rejections[reason] = self.rejections.get(reason, 0) + 1
        if len(self.notes) < NOTES_MAX:
            self.notes.append(Note("rejected", offset, None, reason, detail))

    # ---- for the lane

    def messages(self) -> list[tuple[str, list[Message]]]:
        """(topic, messages); they belong to the transaction from now on."""
        return [(topic, headers_known(messages)) for topic, messages in self._messages.items()]

    def clear(self) -> None:
        self._messages = {}
        self.count = 0
        self.rejections = {}
        self.notes = []

    def _add(self, topic: str, message: Message) -> None:
        self.count += 1
        self._messages.setdefault(topic, []).append(message)
