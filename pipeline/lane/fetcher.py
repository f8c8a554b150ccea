"""Reads one source topic as a member of its agent's group and cuts what it reads into batches for the open lanes.

All calls of the librdkafka consumer are made on one thread. Only here is sought and only here are batches cut, so a
batch always belongs to the opening that it was fetched for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any, Final, final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from pipeline import logs, metrics
from pipeline.lane.lane_set import LaneSet, ToRecord
from pipeline.lane.ports import Batch, LaneFailed, Record
from pipeline.lane.runner import Attachment

FETCH_MAX: Final = 10_000
IDLE_SECONDS: Final = 0.25
"""A record ends this wait at once; what else happens, such as the order to close, is noticed after it."""
OPENING_SECONDS: Final = 0.05
"""As above while a lane is not open, so that it is read for soon after it is."""
FULL_SECONDS: Final = 0.02
LAG_SECONDS: Final = 2.0
END_SECONDS: Final = 0.2
BUFFERED_MAX: Final = 20_000
BUFFERED_BYTES_MAX: Final = 8 << 20
"""A partition is paused only when more than this waits: pausing throws away what was fetched ahead."""
BATCH_BYTES_MAX: Final = 16 << 20
"""A batch is cut short at this size: large records must not become a transaction that no queue can hold."""

log = logs.logger("accrue.fetcher")

NOWHERE: Final = 0
"""Where a partition stands, paused, until its lane is open. A logical offset, such as the end, would be asked for, and
the answer might still be under way when the lane seeks."""

STUCK: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
"""The offset to read from is not in the log; the consumer stays there until it is told to seek."""


@final
class Buffer:
    """Records that were read for one opening of a lane and not yet cut into a batch."""

    __slots__ = ("attachment", "bytes", "paused", "records", "to_record")

    def __init__(self, attachment: Attachment, to_record: ToRecord) -> None:
        self.attachment = attachment
        self.to_record = to_record
        self.records: list[Record] = []
        self.bytes = 0
        self.paused = False

    @property
    def full(self) -> bool:
        return len(self.records) > BUFFERED_MAX or self.bytes > BUFFERED_BYTES_MAX

    @property
    def low(self) -> bool:
        return len(self.records) < BUFFERED_MAX // 2 and self.bytes < BUFFERED_BYTES_MAX // 2

    def add(self, records: list[Record]) -> None:
        self.records += records
        self.bytes += sum([len(value) for _offset, _timestamp_ms, _key, value in records if value])

    def cut(self, limit: int) -> Batch:
        """The next batch: at most `limit` records and, but for one that is larger by itself, BATCH_BYTES_MAX bytes."""
        count = size = 0
        for record in self.records[:limit]:
            size += len(record[3] or b"")
            if size > BATCH_BYTES_MAX and count:
                size -= len(record[3] or b"")
                break
            count += 1
        records = self.records[:count]
        del self.records[:count]
        self.bytes -= size
        return Batch(records, self.attachment.fetched, records[-1][0] + 1, self.attachment)


@final
class Fetcher:
    """The consumer of one lane set. `on_assigned` is called with the partitions after every rebalance."""

    def __init__(
        self,
        config: Mapping[str, Any],
        lanes: LaneSet,
        batch_limit: int,
        on_assigned: Callable[[frozenset[int]], None],
    ) -> None:
        self._lanes = lanes
        self._batch_limit = batch_limit
        self._on_assigned = on_assigned
        self._assigned: frozenset[int] = frozenset()
        self._buffers: dict[int, Buffer] = {}
        self._lag_at = 0.0
        self._log = log.bind(topic=lanes.topic)
        self._consumer = Consumer(dict(config))
        self._consumer.subscribe([lanes.topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)

    def fetch(self) -> list[tuple[int, Batch]]:
        """Read what is there and return what the lanes have room for; waits a little when there is nothing of either.

        Raises KafkaException when the consumer cannot go on.
        """
        self._attach()
        self._read()
        if time.monotonic() >= self._lag_at:
            self._lag_at = time.monotonic() + LAG_SECONDS
            self._publish()
        ready: list[tuple[int, Batch]] = []
        for partition, buffer in self._buffers.items():
            while buffer.records and buffer.attachment.has_room:
                batch = buffer.cut(self._batch_limit)
                buffer.attachment.offer(batch)
                ready.append((partition, batch))
        return ready

    def close(self, seconds: float) -> None:
        """Close the lanes, say how far they came, leave the group."""
        self._commit(self._lanes.close(seconds=seconds), asynchronous=False)
        self._consumer.close()

    # ---- reading

    def _place(self, partition: int, position: int = NOWHERE) -> TopicPartition:
        return TopicPartition(self._lanes.topic, partition, position)

    def _attach(self) -> None:
        """Begin to read for lanes that have opened, drop what was read for openings that are no more."""
        attachments = self._lanes.attachments()
        for partition in self._assigned:
            attachment = attachments.get(partition)
            buffer = self._buffers.get(partition)
            if buffer is not None and buffer.attachment is not attachment:
                del self._buffers[partition]
                self._consumer.pause([self._place(partition)])
                buffer = None
            if attachment is not None and buffer is None and self._seek(partition, attachment.position):
                self._buffers[partition] = Buffer(attachment, self._lanes.to_record)

    def _seek(self, partition: int, position: int) -> bool:
        """Whether reading goes on at `position`; right after an assignment it may be too early for that."""
        place = self._place(partition, position)
        try:
            try:
                self._consumer.seek(place)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._STATE:
                    raise
                # It was fetched where it was parked, before the pause, and a log that begins later has ended that for
                # good: only a new assignment begins anew, and one with a position needs no seek.
                self._consumer.incremental_unassign([place])
                self._consumer.incremental_assign([place])
            self._consumer.resume([place])
        except KafkaException as error:
            self._log.info("seek again", partition=partition, position=position, why=str(error))
            return False
        return True

    def _read(self) -> None:
        buffers = self._buffers.values()
        room = self._lanes.room
        if not any(buffer.records for buffer in buffers):
            whole = len(self._buffers) == len(self._assigned)
            self._take(self._consumer.consume(1, IDLE_SECONDS if whole else OPENING_SECONDS))
        elif not any(buffer.records and buffer.attachment.has_room for buffer in buffers):
            room.wait(FULL_SECONDS)
        room.clear()
        self._take(self._consumer.consume(FETCH_MAX, 0))
        for partition, buffer in self._buffers.items():
            if not buffer.paused and buffer.full:
                self._consumer.pause([self._place(partition)])
                buffer.paused = True
            elif buffer.paused and buffer.low:
                self._consumer.resume([self._place(partition)])
                buffer.paused = False

    def _take(self, messages: list[KafkaMessage]) -> None:
        for number, run in groupby(messages, KafkaMessage.partition):
            partition = number or 0
            buffer = self._buffers.get(partition)
            whole = list(run)
            if any(map(KafkaMessage.error, whole)):
                for message in whole:
                    error = message.error()
                    if error is not None:
                        self._handle(error, partition)
                whole = [message for message in whole if message.error() is None]
            if buffer is not None:  # else its lane is not open: it is read again when it is
                buffer.add(list(map(buffer.to_record, whole)))

    def _handle(self, error: KafkaError, partition: int) -> None:
        """An error event. One that the consumer cannot get over ends it; the others it works at by itself."""
        if error.fatal():
            raise KafkaException(error)
        self._log.warning("consumer", partition=partition, why=str(error))
        buffer = self._buffers.get(partition)
        if error.code() in STUCK and buffer is not None:
            buffer.attachment.fail(LaneFailed(f"{self._lanes.topic}/{partition} cannot be read on: {error}"))

    # ---- rebalance; called within `consume`

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [p.partition for p in partitions]
        consumer.incremental_assign([self._place(number) for number in numbers])
        consumer.pause(partitions)
        metrics.rebalances.labels(self._lanes.topic, "assigned").inc()
        self._tell(self._assigned | set(numbers))
        self._lanes.open(numbers)
        self._log.info("partitions assigned", partitions=sorted(numbers))

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        positions = self._give_up(partitions, "revoked")
        self._commit(positions, asynchronous=False)
        consumer.incremental_unassign(partitions)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group has gone on without this worker: others own the partitions already."""
        self._give_up(partitions, "lost")
        consumer.incremental_unassign(partitions)

    def _give_up(self, partitions: list[TopicPartition], how: str) -> dict[int, int]:
        """Close the lanes. Returns the positions they reached."""
        numbers = [p.partition for p in partitions]
        metrics.rebalances.labels(self._lanes.topic, how).inc()
        positions = self._lanes.close(numbers)
        for number in numbers:
            self._buffers.pop(number, None)
        self._tell(self._assigned - set(numbers))
        self._log.info(f"partitions {how}", partitions=sorted(numbers))
        return positions

    def _tell(self, assigned: frozenset[int]) -> None:
        self._assigned = assigned
        self._on_assigned(assigned)

    # ---- positions for others

    def _publish(self) -> None:
        """Lag as metrics, positions as the group's offsets."""
        topic = self._lanes.topic
        positions = self._lanes.positions()
        for partition, position in positions.items():
            high = self._end(partition)
            metrics.lane_position.labels(topic, partition).set(position)
            if high >= 0:
                self._lanes.lags[partition] = lag = max(high - position, 0)
                metrics.lane_lag.labels(topic, partition).set(lag)
        self._commit(positions, asynchronous=True)

    def _end(self, partition: int) -> int:
        """The end of a partition, -1 where it is not known. One that is not being read has to be asked for."""
        place = self._place(partition)
        if partition in self._buffers:
            return int(self._consumer.get_watermark_offsets(place, cached=True)[1])
        try:
            bounds = self._consumer.get_watermark_offsets(place, timeout=END_SECONDS)
        except KafkaException as error:
            self._log.info("the end is not to be had", partition=partition, why=str(error))
            return -1
        return -1 if bounds is None else int(bounds[1])

    def _commit(self, positions: Mapping[int, int], *, asynchronous: bool) -> None:
        if not positions:
            return
        offsets = [self._place(partition, position) for partition, position in positions.items()]
        try:
            if asynchronous:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._log.info("positions not published", why=str(error))
