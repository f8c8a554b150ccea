"""Reads the source topics as a member of the workers' group and cuts what it reads into batches for lanes.

All calls of the librdkafka consumer are made on one thread. Only here is sought and only here are batches cut, so a
batch always belongs to the opening that it was fetched for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from pipeline import logs, metrics
from pipeline.lane.lane_set import LaneSet, ToRecord
from pipeline.lane.ports import Batch, Record
from pipeline.lane.runner import Attachment

FETCH_MAX: Final = 10_000
IDLE_SECONDS: Final = 0.05
FULL_SECONDS: Final = 0.02
LAG_SECONDS: Final = 2.0
BUFFERED_MAX: Final = 100_000
BUFFERED_BYTES_MAX: Final = 64 << 20
"""A partition is paused only when more than this waits: pausing throws away what was fetched ahead."""
BATCH_BYTES_MAX: Final = 16 << 20
"""A batch is cut short at this size: large records must not become a transaction that no queue can hold."""

Place = tuple[str, int]
"""(topic, partition)."""

log = logs.logger("accrue.fetcher")


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

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.bytes += len(record[3] or b"")

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
    """One consumer for all lane sets of a worker.

    `assigned` is replaced, never changed, by the fetching thread; `on_assigned` gets it after every rebalance.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        lane_sets: Mapping[str, LaneSet],
        batch_limit: int,
        room: threading.Event,
        on_assigned: Callable[[frozenset[Place]], None],
    ) -> None:
        self.assigned: frozenset[Place] = frozenset()
        self._lane_sets = lane_sets
        self._batch_limit = batch_limit
        self._room = room
        self._on_assigned = on_assigned
        self._buffers: dict[Place, Buffer] = {}
        self._lag_at = 0.0
        self._consumer = Consumer(dict(config))
        self._consumer.subscribe(list(lane_sets), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)

    def fetch(self) -> list[tuple[Place, Batch]]:
        """Read what is there and return what the lanes have room for; waits a little when there is nothing of either.

        Raises KafkaException when the consumer cannot go on.
        """
        self._attach()
        self._read()
        if time.monotonic() >= self._lag_at:
            self._lag_at = time.monotonic() + LAG_SECONDS
            self._publish(asynchronous=True)
        ready: list[tuple[Place, Batch]] = []
        for place, buffer in self._buffers.items():
            while buffer.records and buffer.attachment.has_room:
                batch = buffer.cut(self._batch_limit)
                buffer.attachment.offer(batch)
                ready.append((place, batch))
        return ready

    def close(self, seconds: float) -> None:
        """Close the lanes, say how far they came, leave the group."""
        for lane_set in self._lane_sets.values():
            self._commit(lane_set.topic, lane_set.close(seconds=seconds), asynchronous=False)
        self._consumer.close()

    # ---- reading

    def _attach(self) -> None:
        """Begin to read for lanes that have opened, drop what was read for openings that are no more."""
        for topic, lane_set in self._lane_sets.items():
            attachments = lane_set.attachments()
            for place in self.assigned:
                if place[0] != topic:
                    continue
                attachment = attachments.get(place[1])
                buffer = self._buffers.get(place)
                if buffer is not None and buffer.attachment is not attachment:
                    del self._buffers[place]
                    self._consumer.pause([TopicPartition(*place)])
                    buffer = None
                if attachment is not None and buffer is None and self._seek(place, attachment.position):
                    self._buffers[place] = Buffer(attachment, lane_set.to_record)

    def _seek(self, place: Place, position: int) -> bool:
        """Whether reading goes on at `position`; right after an assignment it may be too early for that."""
        try:
            self._consumer.seek(TopicPartition(*place, position))
            self._consumer.resume([TopicPartition(*place)])
        except KafkaException as error:
            log.info("seek again", topic=place[0], partition=place[1], position=position, why=str(error))
            return False
        return True

    def _read(self) -> None:
        waiting = any(buffer.records for buffer in self._buffers.values())
        if not waiting:
            self._take(self._consumer.consume(1, IDLE_SECONDS))
        elif not any(buffer.records and buffer.attachment.has_room for buffer in self._buffers.values()):
            self._room.wait(FULL_SECONDS)
        self._room.clear()
        self._take(self._consumer.consume(FETCH_MAX, 0))
        for place, buffer in self._buffers.items():
            if not buffer.paused and buffer.full:
                self._consumer.pause([TopicPartition(*place)])
                buffer.paused = True
            elif buffer.paused and buffer.low:
                self._consumer.resume([TopicPartition(*place)])
                buffer.paused = False

    def _take(self, messages: list[KafkaMessage]) -> None:
        topic, partition = "", -1
        buffer: Buffer | None = None
        for message in messages:
            if message.partition() != partition or message.topic() != topic:
                topic, partition = message.topic() or "", message.partition() or 0
                buffer = self._buffers.get((topic, partition))
            error = message.error()
            if error is not None:
                self._handle(error, topic, partition)
            elif buffer is not None:  # else its lane is not open: it is read again when it is
                buffer.add(buffer.to_record(message))

    def _handle(self, error: KafkaError, topic: str, partition: int) -> None:
        """An error event. One that the consumer cannot get over ends it; the others it works at by itself."""
        if error.fatal():
            raise KafkaException(error)
        log.warning("consumer", topic=topic, partition=partition, why=str(error))

    # ---- rebalance; called within `consume`

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign([TopicPartition(p.topic, p.partition, OFFSET_END) for p in partitions])
        consumer.pause(partitions)
        metrics.rebalances.labels("assigned").inc()
        self.assigned = self.assigned | {(p.topic, p.partition) for p in partitions}
        self._on_assigned(self.assigned)
        for p in partitions:
            self._lane_sets[p.topic].open([p.partition])
        log.info("partitions assigned", partitions=_shown(partitions))

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(partitions, commit=True)
        consumer.incremental_unassign(partitions)
        log.info("partitions revoked", partitions=_shown(partitions))

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group has gone on without this worker: others own the partitions already."""
        self._give_up(partitions, commit=False)
        consumer.incremental_unassign(partitions)
        log.warning("partitions lost", partitions=_shown(partitions))

    def _give_up(self, partitions: list[TopicPartition], *, commit: bool) -> None:
        metrics.rebalances.labels("revoked" if commit else "lost").inc()
        for topic, lane_set in self._lane_sets.items():
            positions = lane_set.close([p.partition for p in partitions if p.topic == topic])
            if commit:
                self._commit(topic, positions, asynchronous=False)
        gone = {(p.topic, p.partition) for p in partitions}
        for place in gone:
            self._buffers.pop(place, None)
        self.assigned = self.assigned - gone
        self._on_assigned(self.assigned)

    # ---- positions for others

    def _publish(self, *, asynchronous: bool) -> None:
        """Lag as metrics, positions as the group's offsets."""
        for topic, lane_set in self._lane_sets.items():
            positions = lane_set.positions()
            for partition, position in positions.items():
                _low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
                metrics.lane_position.labels(topic, partition).set(position)
                if high >= 0:
                    metrics.lane_lag.labels(topic, partition).set(max(high - position, 0))
            self._commit(topic, positions, asynchronous=asynchronous)

    def _commit(self, topic: str, positions: Mapping[int, int], *, asynchronous: bool) -> None:
        if not positions:
            return
        offsets = [TopicPartition(topic, partition, position) for partition, position in positions.items()]
        try:
            if asynchronous:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            log.info("positions not published", topic=topic, why=str(error))


def _shown(partitions: list[TopicPartition]) -> list[str]:
    return sorted(f"{p.topic}/{p.partition}" for p in partitions)
