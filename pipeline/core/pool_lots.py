"""The points of a household's pool: they keep their dates, the earliest expiry is given first."""

from bisect import insort
from typing import Final

NEVER_MS: Final = 1 << 62

PoolLots = list[tuple[int, int]]
"""(when they expire in ms, or NEVER_MS; points) of each date, in ascending order."""


def put(lots: PoolLots, points: int, expires_at_ms: int) -> None:
    """Put in points that expire then (0: never)."""
    date_ms = expires_at_ms or NEVER_MS
    for index, (known_ms, known) in enumerate(lots):
        if known_ms == date_ms:
            lots[index] = (date_ms, known + points)
            return
    insort(lots, (date_ms, points))


def expire(lots: PoolLots, now_ms: int) -> int:
    """Remove what has expired by now. Returns the points of it."""
    gone = 0
    while lots and lots[0][0] <= now_ms:
        gone += lots.pop(0)[1]
    return gone


def take(lots: PoolLots, points: int) -> list[tuple[int, int]]:
    """Take so many points, or all that there are: (points, when they expire in ms or 0) of each date."""
    taken: list[tuple[int, int]] = []
    while points and lots:
        date_ms, there = lots[0]
        part = min(points, there)
        taken.append((part, 0 if date_ms == NEVER_MS else date_ms))
        if part == there:
            lots.pop(0)
        else:
            lots[0] = (date_ms, there - part)
        points -= part
    return taken
