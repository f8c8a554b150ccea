"""Whether a record stands under its member's key and in that key's partition."""

from __future__ import annotations

from typing import Final, final

from pipeline.core.events import Event
from pipeline.wire.partitioner import partition_of

KEYS_MAX: Final = 100_000


@final
class Belonging:
    """Checks keys for one partition; a key that was found to belong is not hashed again."""

    def __init__(self, partition: int, partitions: int) -> None:
        self._partition = partition
        self._partitions = partitions
        self.known: dict[bytes | None, str] = {}  # key -> the member id that it was found to stand for

    def fault(self, key: bytes | None, event: Event) -> str:
        """What is wrong with the key of this event, or an empty text."""
        member_key = event.member_id.encode()
        if key != member_key:
            return f"key is {key!r}, member_id {event.member_id!r}: send the event under its member's id"
        partition = partition_of(member_key, self._partitions)
        if partition != self._partition:
            return (
                f"key {key!r} belongs to partition {partition}, not {self._partition}: partition by murmur2 of the key"
            )
        if len(self.known) >= KEYS_MAX:
            self.known.clear()
        self.known[key] = event.member_id
        return ""
