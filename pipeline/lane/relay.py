"""Lanes that carry records of another topic into the log, at least once: derived events, and answers to fulfilment
commands.

Duplicate search on the log makes at least once exactly once, because what is appended has derived ids. The position is
the group's committed offset: it may lag behind what was appended, never run ahead of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, final

from confluent_kafka import Message as KafkaMessage

from pipeline.lane.appender import Append
from pipeline.lane.gaps import check_whole
from pipeline.lane.outputs import LOG_TIME_HEADER
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed, Reader, Record
from pipeline.lane.remedies import lost_records
from pipeline.wire.partitioner import partition_of

Carry = Callable[[Record], Append | None]
"""What a record becomes on the log, or None for nothing."""

Carried = TypeVar("Carried")
"""What records become: for the log an `Append`."""


class Positions(Protocol):
    """The offsets that the workers' group has committed."""

    def committed(self, topic: str, partition: int) -> int | None:
        """None where nothing was committed. Raises LaneFailed."""


@final
class RelayLane(Generic[Carried]):
    """One opening of a relaying lane for one partition; `appended` counts records for whoever observes it."""

    def __init__(
        self,
        topic: str,
        partition: int,
        reader: Reader,
        positions: Positions,
        carry: Callable[[Record], Carried | None],
        append: Callable[[list[Carried]], None],
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._reader = reader
        self._positions = positions
        self._carry = carry
        self._append = append
        self.position = -1
        self.appended = 0

    def open(self, at: int | None = None) -> int:
        """The position to read from: `at`, else the group's, else the start of the topic.

        Raises LaneBroken if the topic does not hold it, so that records were lost that were not carried over.
        """
        start, end = self._reader.bounds(self._topic, self._partition)
        committed = self._positions.committed(self._topic, self._partition) if at is None else at
        position = start if committed is None else committed
        if not start <= position <= end:
            raise LaneBroken(
                f"{self._topic}/{self._partition} holds offsets {start} to {end}, but is relayed up to {position}: "
                "records are lost or the topic was created anew",
                lost_records(start, end, position),
            )
        self.position = position
        return position

    def process(self, batch: Batch) -> None:
        """Append what the batch becomes. Raises LaneFailed."""
        if batch.start != self.position:
            raise LaneFailed(f"{batch!r} does not follow position {self.position}: batches were lost or repeated")
        check_whole(self._reader, self._topic, self._partition, batch)
        appends = [append for record in batch.records if (append := self._carry(record)) is not None]
        self._append(appends)
        self.appended += len(appends)
        self.position = batch.end

    def close(self) -> None:
        self._reader.close()


def relayed(partitions: int) -> Carry:
    """Derived events go on as they are, to the partition of the member whom they are for."""

    def carry(record: Record) -> Append | None:
        _offset, log_time_ms, key, value = record
        if key is None or value is None:
            return None
        return partition_of(key, partitions), key, value, log_time_ms

    return carry


def derived_record(message: KafkaMessage) -> Record:
    """A derived event; in place of its timestamp the clock that an import gave it, or 0: it is stamped when relayed."""
    offset = message.offset()
    assert offset is not None
    log_time_ms = 0
    headers = message.headers()
    if headers:
        log_time_ms = int(dict(headers).get(LOG_TIME_HEADER, b"0"))  # type: ignore[arg-type]  # typed as a list of str
    return offset, log_time_ms, message.key(), message.value()
