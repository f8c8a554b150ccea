"""The reader port over Kafka: committed records of one partition, from a position to the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.lane.kafka import new_consumer
from pipeline.lane.ports import LaneFailed, Record
from pipeline.settings import Settings

CHUNK: Final = 10_000
AHEAD: Final = 20_000
QUEUE_KB: Final = 16_384
"""Read ahead by one reader: every lane of a worker has one, and all may restore at once."""
POLL_SECONDS: Final = 0.02  # `consume` waits the whole time for its chunk, so the time is short

NO_LEADER: Final = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""What brokers answer for a moment after a topic was made or a leader has moved."""
NO_LEADER_PAUSE_SECONDS: Final = 0.1

_error, _offset, _timestamp, _key, _value = Message.error, Message.offset, Message.timestamp, Message.key, Message.value
_second: Final = itemgetter(1)


class KafkaReader:
    """Reads with a consumer of its own that belongs to no group; one thread at a time.

    `patience_s` without any answer from the broker makes a call fail with LaneFailed. After a failure the next call
    makes a new consumer: one that asked for a topic while its broker came back was seen to hold that topic for unknown
    ever after.
    """

    def __init__(self, settings: Settings, patience_s: float = 30.0, ahead: int = AHEAD) -> None:
        """`ahead`: how many records are fetched before they are asked for."""
        self._settings = settings
        self._ahead = ahead
        self._patience_s = patience_s
        self._consumer: Consumer | None = None

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset still there, position after the last committed record); an open transaction is not counted."""
        try:
            return self._bounds(TopicPartition(topic, partition))
        except LaneFailed:
            self.close()
            raise

    def from_time(self, topic: str, partition: int, time_ms: int) -> int:
        """Offset of the first record of a timestamp not before `time_ms`; the end where there is none.

        Raises LaneFailed when the broker is silent.
        """
        try:
            (found,) = self._open().offsets_for_times([TopicPartition(topic, partition, time_ms)], self._patience_s)
        except KafkaException as error:
            self.close()
            raise LaneFailed(f"{topic}/{partition} could not be searched by time: {error}") from error
        return found.offset if found.offset >= 0 else self.bounds(topic, partition)[1]

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        """Committed records with start <= offset < end, in chunks. Raises LaneFailed when the broker is silent."""
        if start >= end:
            return
        consumer = self._open()
        try:
            consumer.assign([TopicPartition(topic, partition, start)])
            deadline = time.monotonic() + self._patience_s
            position = start
            while position < end:
                messages = consumer.consume(CHUNK, POLL_SECONDS)
                if not messages:
                    if time.monotonic() > deadline:
                        raise LaneFailed(f"{topic}/{partition} gave nothing at {position} for {self._patience_s} s")
                    continue
                deadline = time.monotonic() + self._patience_s
                records, position = _records(messages, position)
                if records:
                    yield records
        except KafkaException as error:
            self.close()
            raise LaneFailed(f"reading {topic}/{partition} failed: {error}") from error
        except LaneFailed:
            self.close()
            raise
        finally:
            if self._consumer is consumer:
                consumer.unassign()

    def _bounds(self, place: TopicPartition) -> tuple[int, int]:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                bounds = self._open().get_watermark_offsets(place, timeout=self._patience_s)
                break
            except KafkaException as error:
                if error.args[0].code() not in NO_LEADER or time.monotonic() > deadline:
                    raise LaneFailed(
                        f"the bounds of {place.topic}/{place.partition} are not to be had: {error}"
                    ) from error
            time.sleep(NO_LEADER_PAUSE_SECONDS)
        if bounds is None:
            raise LaneFailed(
                f"no broker told the bounds of {place.topic}/{place.partition} within {self._patience_s} s"
            )
        return bounds[0], bounds[1]

    def another(self) -> KafkaReader:
        """One with a consumer of its own."""
        return KafkaReader(self._settings, self._patience_s, self._ahead)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _open(self) -> Consumer:
        if self._consumer is None:
            # The end of a partition is told as an event: a log that ends in markers or aborted records ends with no
            # record.
            # It is told with an empty answer, so the broker must not hold that back until something is written.
            overrides = {
                "queued.max.messages.kbytes": QUEUE_KB,
                **self._settings.kafka,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 5,
                "client.id": "accrue-reader",
                "queued.min.messages": self._ahead,
            }
            self._consumer = new_consumer(self._settings, f"{self._settings.app_id}-reader", overrides)
        return self._consumer


def _records(messages: list[Message], position: int) -> tuple[list[Record], int]:
    """The records among `messages` and the position after them."""
    if not any(map(_error, messages)):
        # A restore reads millions: loops that run in C halve its time.
        offsets = cast("list[int]", list(map(_offset, messages)))
        times = map(_second, map(_timestamp, messages))
        return list(zip(offsets, times, map(_key, messages), map(_value, messages), strict=True)), offsets[-1] + 1
    records: list[Record] = []
    for message in messages:
        error = message.error()
        offset = message.offset()
        if error is None:
            assert offset is not None
            records.append((offset, message.timestamp()[1], message.key(), message.value()))
            position = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            position = max(position, offset or 0)
        else:
            raise LaneFailed(f"the reader got an error at {position}: {error}")
    return records, position
