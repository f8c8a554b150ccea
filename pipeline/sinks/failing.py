"""A sink's target with failpoints round its writes; where none are armed it stays as it is."""

from __future__ import annotations

from typing import final

from pipeline.failpoints import Failpoints
from pipeline.sinks.target import AwayError, Batch, Position, Target, TopicPartition


def with_failpoints(target: Target, failpoints: Failpoints | None) -> Target:
    """The target, failing where that is armed."""
    return target if failpoints is None else FailingTarget(target, failpoints)


@final
class FailingTarget:
    """A target whose writes may fail, before or after they have had their effect."""

    def __init__(self, target: Target, failpoints: Failpoints) -> None:
        self._target = target
        self._failpoints = failpoints
        self.name = target.name
        self.record_types = target.record_types
        self.takes_tombstones = target.takes_tombstones

    def open(self) -> None:
        self._target.open()

    def positions(self) -> dict[TopicPartition, Position]:
        return self._target.positions()

    def begin(self, partition: TopicPartition, position: Position) -> None:
        self._target.begin(partition, position)

    def start_anew(self, reason: str) -> None:
        self._target.start_anew(reason)

    def write(self, batch: Batch) -> int:
        changed: list[int] = []
        self._failpoints.around("sink.write", lambda: changed.append(self._target.write(batch)), AwayError)
        return changed[0]

    def close(self) -> None:
        self._target.close()
