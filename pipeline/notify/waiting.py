"""What waits to be sent, in the lane's table: by route and due time, left alone while it is under way."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice
from typing import Final, final

import msgspec

from pipeline.lane.table import Table

LEASE_MS: Final = 120_000
"""So long what is under way is left alone; then whoever took it is gone, and it is tried again."""
_DUE: Final = struct.Struct(">Q")
QUEUE: Final = b"q"


@final
class Item(msgspec.Struct, array_like=True, frozen=True):
    """What waits: so many attempts were begun; `value` is the notification as it was read, of `count` together."""

    attempts: int
    recorded_at_ms: int
    value: bytes
    count: int = 1


@final
class Waiting:
    """A queue for each route, a name without `|`. To be used within the lane's `apply` and `perform`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, route: str, due_ms: int, notification_id: str, item: Item) -> None:
        self._table.put(_key_of(route, due_ms, notification_id), msgspec.msgpack.encode(item))

    def due(self, route: str, now_ms: int, limit: int) -> list[tuple[bytes, Item]]:
        """Key and item of what is due, the longest due first, at most `limit`."""
        if limit <= 0:
            return []
        found = self._table.scan(_prefix(route), _prefix(route) + _DUE.pack(now_ms + 1))
        return [(key, msgspec.msgpack.decode(value, type=Item)) for key, value in islice(found, limit)]

    def take(self, key: bytes, item: Item, now_ms: int) -> tuple[bytes, int]:
        """It is under way from now on: (where it waits meanwhile, until when it is left alone there)."""
        until_ms = now_ms + LEASE_MS
        return self._move(key, item, item.attempts + 1, until_ms), until_ms

    def put_back(self, key: bytes, due_ms: int) -> None:
        """What was under way is due later, and was no attempt."""
        value = self._table.get(key)
        if value is not None:
            item = msgspec.msgpack.decode(value, type=Item)
            self._move(key, item, item.attempts - 1, due_ms)

    def forget(self, key: bytes) -> None:
        """It does not wait any more."""
        self._table.delete(key)

    def settle(self, key: bytes, now_ms: int, waits_ms: Sequence[int], *, again: bool) -> bool:
        """What was under way is done with, or due again after the wait of so many attempts.

        False where the last of them failed.
        """
        value = self._table.get(key)
        if value is None:
            return True  # it was taken up anew, and settled, after its lane had been opened again
        self._table.delete(key)
        if not again:
            return True
        item = msgspec.msgpack.decode(value, type=Item)
        if item.attempts > len(waits_ms):
            return False
        route, notification_id = _parts_of(key)
        self.put(route, now_ms + waits_ms[item.attempts - 1], notification_id, item)
        return True

    def drop(self, route: str, limit: int) -> int:
        """Forget what waits, at most `limit`; returns how much that was."""
        found = [key for key, _ in islice(self._table.scan(_prefix(route), _prefix(route) + b"\xff" * 9), limit)]
        for key in found:
            self._table.delete(key)
        return len(found)

    def _move(self, key: bytes, item: Item, attempts: int, due_ms: int) -> bytes:
        route, notification_id = _parts_of(key)
        self._table.delete(key)
        self.put(route, due_ms, notification_id, Item(attempts, item.recorded_at_ms, item.value, item.count))
        return _key_of(route, due_ms, notification_id)


def waits_of(key: bytes) -> tuple[str, int]:
    """(route, when it is due) of a key of the table that begins with `QUEUE`."""
    route, _, rest = key[len(QUEUE) :].partition(b"|")
    return route.decode(), int(_DUE.unpack_from(rest)[0])


def _prefix(route: str) -> bytes:
    return b"".join((QUEUE, route.encode(), b"|"))


def _key_of(route: str, due_ms: int, notification_id: str) -> bytes:
    return b"".join((_prefix(route), _DUE.pack(due_ms), notification_id.encode()))


def _parts_of(key: bytes) -> tuple[str, str]:
    """(route, notification id)"""
    route, _, rest = key[len(QUEUE) :].partition(b"|")
    return route.decode(), rest[_DUE.size :].decode()
