"""When the owner of a partition appends a tick to it: time is an input of the log like any other."""

from __future__ import annotations

from typing import Final, final

from pipeline import logs
from pipeline.core.horizons import TICK_GRACE_MS
from pipeline.lane.appender import AppendFunction, TimeRefused
from pipeline.lane.lane import Lane

PAUSE_MS: Final = 60_000
"""Ticks follow each other no faster, however much is due."""
AT_LEAST_EVERY_MS: Final = 3_600_000

log = logs.logger("accrue.lane")


def tick_wanted(now_ms: int, first_due_ms: int, last_tick_ms: int, importing: bool) -> bool:
    """Whether to write a tick now: due work has waited out the grace, or some is to come and an hour has gone by.

    `last_tick_ms` is the time of the last tick applied or appended, `first_due_ms` is 0 where nothing will ever fall
    due. While history is imported only the importer writes ticks.
    """
    if importing or not first_due_ms or now_ms - last_tick_ms < PAUSE_MS:
        return False
    return first_due_ms <= now_ms - TICK_GRACE_MS or now_ms - last_tick_ms >= AT_LEAST_EVERY_MS


@final
class Ticker:
    """Appends ticks to one partition, on the thread of its lane."""

    def __init__(self, partition: int, tick_value: bytes, append: AppendFunction) -> None:
        self._partition = partition
        self._tick_value = tick_value
        self._append = append
        self._asked_at_ms = 0
        self.appended = 0

    def maybe_tick(self, lane: Lane, now_ms: int) -> None:
        """Append a tick if one is wanted. Raises LaneFailed.

        Where this worker's clock is wrong the broker refuses the tick: quiet members wait until it is right, or until
        another worker has the partition; the lane itself goes by its records and has no need of a clock.
        """
        if now_ms < self._asked_at_ms:
            self._asked_at_ms = 0  # the clock was put back: what it said before counts for nothing
        last_ms = max(lane.last_tick_ms, self._asked_at_ms)
        if now_ms - last_ms < PAUSE_MS:
            return
        if tick_wanted(now_ms, lane.first_due_ms(), last_ms, lane.importing):
            self._asked_at_ms = now_ms
            try:
                self._append([(self._partition, None, self._tick_value, 0)])
            except TimeRefused as error:
                log.error("tick refused", partition=self._partition, why=str(error))
                return
            self.appended += 1
