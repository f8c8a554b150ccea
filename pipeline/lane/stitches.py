"""A number sewn into every write to a store: where one is missing, writes are missing.

RocksDB checks what is in its files. It does not notice a log that is gone while a newer one is there, nor a manifest
that has lost its last lines: the store then opens without some of its writes, and with the position of those after.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, final

from pipeline.lane.keys import pack_number, unpack_number

PREFIX: Final = b"\xff"
"""Behind every key of a lane: + number (8). By itself, the knot: written first and never deleted."""
KEPT_BYTES: Final = 64 << 20
"""Stitches that so much was written after are deleted: more than RocksDB ever holds in buffers and their logs."""
PRUNED_EVERY_BYTES: Final = 1 << 20


@final
class Stitches:
    """The stitches of one opening of a store, from the number after `last`."""

    __slots__ = ("_bytes", "_last", "_marks")

    def __init__(self, last: int) -> None:
        self._last = last
        self._bytes = 0
        self._marks: deque[tuple[int, int]] = deque([(0, last)])  # (bytes written before, number)

    def sew(self, batch: Any) -> None:
        """Add the next stitch to a write batch that is about to be written."""
        if not self._last:
            batch.put(PREFIX, b"")
        self._last += 1
        batch.put(_key(self._last), b"")
        self._bytes += batch.size_in_bytes()
        if self._bytes - self._marks[-1][0] >= PRUNED_EVERY_BYTES:
            self._marks.append((self._bytes, self._last))
            if self._bytes - self._marks[0][0] > KEPT_BYTES:
                batch.delete_range(_key(0), _key(self._marks.popleft()[1]))


def inspected(db: Any) -> tuple[int, str]:
    """(number of the last stitch, 0 if there is none; what is wrong with the store or an empty text)."""
    position: Any = db.iter()
    try:
        position.seek_to_first()
        if not position.valid():
            return 0, ""
        position.seek(PREFIX)
        if not position.valid() or position.key() != PREFIX:
            return 0, "its first writes are missing"
        last = 0
        position.next()
        while position.valid():
            number = unpack_number(position.key()[1:])
            if last and number != last + 1:
                return last, f"writes {last + 1} to {number - 1} are missing"
            last = number
            position.next()
        position.status()
    finally:
        position = None  # an error would remember this frame, and an iterator keeps the folder's lock
    return last, ""


def _key(number: int) -> bytes:
    return PREFIX + pack_number(number)
