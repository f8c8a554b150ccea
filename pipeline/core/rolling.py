"""Rolling windows: what a limit has used in the time just past, in a bounded number of buckets."""

from typing import Final

Bucket = tuple[int, int, int]
"""(number of the bucket since 1970, points, count)."""

BUCKETS: Final = 24
"""A rolling window is counted in buckets of a 24th of its length. It holds every bucket that reaches into it: so it
never gives more within its length than the limit says, and what was used is free again at most one bucket late."""


def width(length_ms: int) -> int:
    """Length of a bucket in ms."""
    return -(-length_ms // BUCKETS)


def used(buckets: list[Bucket] | None, length_ms: int, at_ms: int) -> tuple[int, int]:
    """(points, count) used in the window that ends at `at_ms`, or at the newest use if `at_ms` is late."""
    if not buckets:
        return 0, 0
    first = max(at_ms // width(length_ms), buckets[-1][0]) - BUCKETS
    points = count = 0
    for number, some_points, some_count in buckets:
        if number >= first:
            points += some_points
            count += some_count
    return points, count


def use(rolling: dict[str, list[Bucket]], key: str, length_ms: int, at_ms: int, points: int, count: int) -> None:
    """Count what was given; a late event counts in the newest bucket. Buckets that have passed are dropped."""
    buckets = rolling.get(key)
    number = at_ms // width(length_ms)
    if not buckets:
        rolling[key] = [(number, points, count)]
        return
    newest = buckets[-1]
    if number > newest[0]:
        rolling[key] = [one for one in buckets if one[0] >= number - BUCKETS]
        rolling[key].append((number, points, count))
    else:
        buckets[-1] = (newest[0], newest[1] + points, newest[2] + count)


def give_back(rolling: dict[str, list[Bucket]], key: str, length_ms: int, at_ms: int, points: int, count: int) -> None:
    """Uncount what was given at `at_ms`, if that is still in the newest window: from its bucket and then from later
    ones, where late uses count."""
    number = at_ms // width(length_ms)
    buckets = rolling.get(key, [])
    if not buckets or number < buckets[-1][0] - BUCKETS:
        return
    for index, (own, some_points, some_count) in enumerate(buckets):
        if own >= number:
            taken, times = min(points, some_points), min(count, some_count)
            buckets[index] = (own, some_points - taken, some_count - times)
            points -= taken
            count -= times
