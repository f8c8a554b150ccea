"""What a sink writes to, as the loop sees it: data and offsets go into the target together or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

TopicPartition = tuple[str, int]
"""(topic, partition)."""


class SinkError(Exception):
    """The sink cannot go on by itself: the message names what, with which value, and the remedy."""


class AwayError(Exception):
    """Kafka, the registry or the target does not answer, or for now refuses. The loop waits and tries again."""


class OffsetsMovedError(Exception):
    """The target's offsets are not where this sink left them: another instance wrote, or data was wiped or restored."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far one partition stands in the target. `topic_id` tells a topic from one created anew under its name."""

    next_offset: int
    topic_id: str


@dataclass(frozen=True, slots=True)
class SinkRecord:
    """One decoded record: `value` is a value class of `pipeline.core.records`, or None for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: object | None


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that the sink cannot use: kept in the target with its raw value, so that nothing vanishes."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    value: bytes


@dataclass(slots=True)
class Batch:
    """Records in the order they were read; per partition (offset expected in the target, offset after the batch)."""

    records: list[SinkRecord] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    moves: dict[TopicPartition, tuple[int, int]] = field(default_factory=dict)


class Target(Protocol):
    """One target. Every call but `close` may raise AwayError; the loop then calls `open` before any other."""

    @property
    def name(self) -> str:
        """Short name for logs and metrics."""

    @property
    def record_types(self) -> frozenset[type]:
        """The value classes that it can store; a record of another class is rejected."""

    @property
    def takes_tombstones(self) -> bool:
        """Whether a record without value means a deletion; else it is rejected."""

    def open(self) -> None:
        """Connect, and bring the target's own structures up to date. Closes what was open before."""

    def positions(self) -> dict[TopicPartition, Position]:
        """What the target holds, for every partition it knows."""

    def begin(self, partition: TopicPartition, position: Position) -> None:
        """Record where a partition starts; no effect if the target knows it already."""

    def write(self, batch: Batch) -> int:
        """Apply records, rejects and moves in one atomic step; returns how many rows or keys changed.

        Raises OffsetsMovedError, having changed nothing, if an expected offset is not the one held.
        """

    def start_anew(self, reason: str) -> None:
        """The log was replaced by another: drop what came from the old, or raise SinkError where data stays."""

    def close(self) -> None:
        """Let go of connections. Idempotent; raises nothing."""
