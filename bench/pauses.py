"""The longest time in which a partition committed nothing, by the markers that lanes leave in their changelog."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.lane.keys import MARKER, Marker
from pipeline.lane.ports import Reader


class Commit(NamedTuple):
    """A committed transaction: when its marker was sent (wall clock, ms), and the position it brought the lane to."""

    at_ms: int
    position: int


class Pause(NamedTuple):
    """Between two commits that follow each other; `before` is when the first of them was."""

    before_ms: int
    length_ms: int


def commits(reader: Reader, changelog: str, partition: int) -> list[Commit]:
    """All commits of a lane that compaction has left, in order. Raises LaneFailed while Kafka is away."""
    start, end = reader.bounds(changelog, partition)
    return [
        Commit(timestamp_ms, Marker.unpack(value).position)
        for chunk in reader.read(changelog, partition, start, end)
        for _offset, timestamp_ms, key, value in chunk
        if key == MARKER and value is not None
    ]


def longest_pause(found: Sequence[Commit], from_ms: int, to_ms: int) -> Pause:
    """Of those that overlap the time from `from_ms` to `to_ms`. Raises ValueError where there are fewer than two."""
    pauses = [
        Pause(before.at_ms, after.at_ms - before.at_ms)
        for before, after in pairwise(found)
        if after.at_ms > from_ms and before.at_ms < to_ms
    ]
    if not pauses:
        raise ValueError(f"there are {len(found)} commits and none around {from_ms} to {to_ms}: keep load on")
    return max(pauses, key=lambda pause: pause.length_ms)
