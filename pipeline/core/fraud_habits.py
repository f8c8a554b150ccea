"""What is usual for a member: how much a day, from where, by which device; in whole numbers, and few of them.

`notes` hold it: by `h:` and a counter's key (start of the newest day in ms, how much on it, average * 1024, how much on
each of the latest days before), by `k:` and country, place or device (how often it was told, then a hash of each known
one, the latest last), by `position` (time in ms, latitude and longitude in millionths of a degree), by `profile` and
`device` (when the profile was changed, and when a device that was not the first was new), by `n:` and country, place or
device (hash of the latest new one and when it was first told).
"""

from hashlib import blake2b
from typing import Final

from pipeline.core.fraud_distance import at_most_metres, metres

DAYS_KEPT: Final = 14
KNOWN_MAX: Final = 8
SCALE: Final = 1024
SMOOTHING: Final = 4
"""The newest day makes up a fourth of the average."""
NEAR_M: Final = 50_000
"""Positions so near to each other are not told apart: networks and towns are wide."""
MS_PER_HOUR: Final = 3_600_000

HASHES_KEPT: Final = 256

Notes = dict[str, tuple[int, ...]]

_hashes: Final[dict[str, int]] = {}
"""Hashes of the latest values. It only saves time: several signals ask for those of one event."""


def normal(habit: tuple[int, ...]) -> int:
    """What a day usually comes to: the average or the median of the days before, whichever is more."""
    closed = sorted(habit[3:])
    return usual(habit, closed[len(closed) // 2])


def usual(habit: tuple[int, ...], median: int) -> int:
    """As `normal`, where the median is known."""
    return max(habit[2] // SCALE, median, 1)


def spread(habit: tuple[int, ...]) -> tuple[int, int]:
    """(median, median of the distances from it) of the days before."""
    closed = sorted(habit[3:])
    median = closed[len(closed) // 2]
    distances = sorted([abs(one - median) for one in closed])
    return median, max(distances[len(distances) // 2], 1)


def today(habit: tuple[int, ...] | None, day_ms: int) -> int:
    """How much the day has come to; a late event counts on the newest day."""
    return 0 if habit is None or day_ms > habit[0] else habit[1]


def known_days(habit: tuple[int, ...] | None, day_ms: int) -> int:
    """Days before this one that are known."""
    if habit is None:
        return 0
    return len(habit) - 3 + (1 if day_ms > habit[0] else 0)


def as_of(habit: tuple[int, ...], day_ms: int) -> tuple[int, ...]:
    """The habit on a day: what was the newest is closed if the day is newer."""
    if day_ms <= habit[0]:
        return habit
    amount = habit[1]
    average = habit[2] + (amount * SCALE - habit[2]) // SMOOTHING if len(habit) > 3 else amount * SCALE
    return (day_ms, 0, average, *habit[3:][-(DAYS_KEPT - 1) :], amount)


def note_amount(notes: Notes, key: str, day_ms: int, amount: int) -> None:
    """Count what was earned or redeemed on a day."""
    habit = notes.get(key)
    if habit is None:
        notes[key] = (day_ms, amount, 0)
        return
    habit = as_of(habit, day_ms)
    notes[key] = (habit[0], habit[1] + amount, *habit[2:])


def hashed(value: str) -> int:
    """48 bits of a text."""
    found = _hashes.get(value)
    if found is None:
        if len(_hashes) >= HASHES_KEPT:
            _hashes.clear()
        found = int.from_bytes(blake2b(value.encode(), digest_size=6).digest(), "big")
        _hashes[value] = found
    return found


def is_new(notes: Notes, key: str, value: str, after: int) -> bool:
    """Whether the value is none of the known ones of a member who told at least so many times."""
    known = notes.get(key)
    return known is not None and known[0] >= after and hashed(value) not in known[1:]


def is_still_new(notes: Notes, what: str, value: str, at_ms: int, length_ms: int) -> bool:
    """Whether the value is the latest that was new, less than so long ago."""
    newest = notes.get(f"n:{what}")
    return newest is not None and newest[0] == hashed(value) and at_ms - newest[1] < length_ms


def note_value(notes: Notes, key: str, value: str) -> None:
    """Remember that the value was told; of more than `KNOWN_MAX`, the one not told for longest is forgotten."""
    known = notes.get(key, (0,))
    own = hashed(value)
    others = [one for one in known[1:] if one != own]
    notes[key] = (min(known[0] + 1, 10**6), *others[-(KNOWN_MAX - 1) :], own)


def speed_km_h(position: tuple[int, ...], at_ms: int, lat: int, lon: int, most_km_h: int) -> tuple[int, int]:
    """(km/h needed from the position to this one, metres between them); (0, 0) where it is at most `most_km_h`, or
    near."""
    passed_ms = max(abs(at_ms - position[0]), 1)
    bound_m = at_most_metres(position[1], position[2], lat, lon)
    if bound_m <= NEAR_M or bound_m * MS_PER_HOUR <= most_km_h * 1000 * passed_ms:
        return 0, 0
    distance_m = metres(position[1], position[2], lat, lon)
    if distance_m <= NEAR_M or distance_m * MS_PER_HOUR <= most_km_h * 1000 * passed_ms:
        return 0, 0
    return distance_m * MS_PER_HOUR // (1000 * passed_ms), distance_m
