"""How many messages a member has had by a channel today, so that nobody gets more than the programme wants."""

from __future__ import annotations

import struct
from datetime import date
from itertools import islice
from typing import Final, final

from pipeline.lane.table import Table

_COUNTS: Final = b"r"
_DAY: Final = struct.Struct(">I")
_COUNT: Final = struct.Struct(">I")
FORGOTTEN_MAX: Final = 1_000


@final
class Caps:
    """Counts by day, channel and member, in the lane's table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, day: date, channel: str, member_id: str, most: int) -> bool:
        """Count one more, unless there were as many already; 0 is without limit."""
        if not most:
            return True
        key = _key_of(day, channel, member_id)
        count = self._count(key)
        if count >= most:
            return False
        self._table.put(key, _COUNT.pack(count + 1))
        return True

    def give_back(self, day: date, channel: str, member_id: str) -> None:
        """One that was counted did not reach the member."""
        key = _key_of(day, channel, member_id)
        count = self._count(key)
        if count > 1:
            self._table.put(key, _COUNT.pack(count - 1))
        elif count:
            self._table.delete(key)

    def forget(self, before: date) -> None:
        """Delete counts of earlier days, some at a time."""
        old = self._table.scan(_COUNTS, _COUNTS + _DAY.pack(before.toordinal()))
        for key in [key for key, _ in islice(old, FORGOTTEN_MAX)]:
            self._table.delete(key)

    def _count(self, key: bytes) -> int:
        value = self._table.get(key)
        return 0 if value is None else int(_COUNT.unpack(value)[0])


def _key_of(day: date, channel: str, member_id: str) -> bytes:
    return b"".join((_COUNTS, _DAY.pack(day.toordinal()), channel.encode(), b"|", member_id.encode()))
