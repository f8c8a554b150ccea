"""What a worker says of its lanes to those who ask: plain values, the same on both sides of the wire."""

from __future__ import annotations

import time

import msgspec

from pipeline.lane.quarantined import Quarantined
from pipeline.lane.remedies import for_lane


class Trouble(msgspec.Struct, frozen=True):
    """Why a lane stands still, since when (wall clock, ms) and what to do about it."""

    why: str
    remedy: str
    since_ms: int


class LaneFacts(msgspec.Struct, frozen=True):
    """One lane of a running worker. `position` and `lag` (in offsets) are -1 while they are not known.

    `trouble` is None for a lane that is well; one that opens anew after a failure keeps it until it has got over it.
    """

    topic: str
    partition: int
    state: str
    position: int = -1
    lag: int = -1
    trouble: Trouble | None = None
    quarantined: tuple[Quarantined, ...] = ()

    @property
    def stands_still(self) -> bool:
        """Whether the lane, or one of its members, waits for someone."""
        return self.trouble is not None or bool(self.quarantined)


def trouble_of(failure: BaseException, remedy: str, topic: str, partition: int, known: Trouble | None) -> Trouble:
    """What is the matter with a lane; if it had trouble before (`known`), since then."""
    since_ms = known.since_ms if known is not None else time.time_ns() // 1_000_000
    return Trouble(str(failure) or type(failure).__name__, for_lane(remedy, topic, partition), since_ms)
