"""A second reading of what a sink was given with gaps: offsets that are missing in it must be no records."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.lane.kafka import new_consumer
from pipeline.settings import Settings
from pipeline.sinks.target import AwayError, TopicPartition

CHUNK: Final = 2_000
POLL_S: Final = 0.02
PATIENCE_S: Final = 30.0
OVERRIDES: Final[Mapping[str, object]] = {
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 5,
    # No more than a sink's batch is read again, so no more needs to be fetched ahead.
    "fetch.message.max.bytes": 262_144,
    "queued.min.messages": CHUNK,
    "queued.max.messages.kbytes": 4_096,
}

Stretch = tuple[int, int]
"""From an offset up to, and without, another."""


class Reads(Protocol):
    """Who can read stretches of a log again."""

    def offsets(self, stretches: Mapping[TopicPartition, Stretch]) -> dict[TopicPartition, list[int]]:
        """Where committed records stand in each stretch, ascending. Raises AwayError."""


def check_whole(
    given: Mapping[TopicPartition, Sequence[int]], starts: Mapping[TopicPartition, int], log: Reads
) -> None:
    """Raises AwayError unless `given` has every committed record from each partition's start to its last offset there.

    Where transactions end, or were aborted, or the topic was compacted, offsets are missing by nature; that they are
    no more than that is not for the consumer that left them out to say, so the log is asked again.
    """
    gaps = {
        partition: (starts[partition], offsets[-1] + 1)
        for partition, offsets in given.items()
        if offsets[-1] + 1 - starts[partition] != len(offsets)
    }
    if not gaps:
        return
    for partition, there in log.offsets(gaps).items():
        missing = sorted(set(there) - set(given[partition]))
        if missing:
            raise AwayError(
                f"the consumer passed over {len(missing)} records of {partition[0]}[{partition[1]}], the first at "
                f"offset {missing[0]}: it begins anew"
            )


class SecondReader:
    """Reads with a consumer of its own, made when it is first needed. Belongs to one thread."""

    def __init__(self, settings: Settings, group: str, patience_s: float = PATIENCE_S) -> None:
        """group: named to the broker, never joined. `patience_s` without an answer make a call fail."""
        self._settings = settings
        self._group = group
        self._patience_s = patience_s
        self._consumer: Consumer | None = None

    def offsets(self, stretches: Mapping[TopicPartition, Stretch]) -> dict[TopicPartition, list[int]]:
        """As `Reads.offsets`. After a failure the next call makes a new consumer."""
        try:
            return self._offsets(self._open(), stretches)
        except KafkaException as error:
            self.close()
            raise AwayError(f"Kafka: {error}") from error
        except AwayError:
            self.close()
            raise

    def _offsets(
        self, consumer: Consumer, stretches: Mapping[TopicPartition, Stretch]
    ) -> dict[TopicPartition, list[int]]:
        found: dict[TopicPartition, list[int]] = {partition: [] for partition in stretches}
        open_ends = {partition: end for partition, (_start, end) in stretches.items()}
        consumer.assign([KafkaPartition(*partition, start) for partition, (start, _end) in stretches.items()])
        deadline_s = time.monotonic() + self._patience_s
        while open_ends:
            messages = consumer.consume(CHUNK, POLL_S)
            if messages:
                deadline_s = time.monotonic() + self._patience_s
            elif time.monotonic() > deadline_s:
                raise AwayError(f"Kafka: no answer within {self._patience_s:.0f} s to a second reading")
            for message in messages:
                _take(message, found, open_ends)
        consumer.unassign()
        return found

    def close(self) -> None:
        """Let go of the cluster."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _open(self) -> Consumer:
        if self._consumer is None:
            overrides = {**OVERRIDES, "client.id": f"{self._group}-second"}
            self._consumer = new_consumer(self._settings, self._group, overrides)
        return self._consumer


def _take(message: Message, found: dict[TopicPartition, list[int]], open_ends: dict[TopicPartition, int]) -> None:
    """Note one record, or that a partition was read to its end. Raises AwayError for any other event of the cluster."""
    partition = str(message.topic()), message.partition() or 0
    offset = message.offset() or 0
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise AwayError(f"Kafka: {error.str()}")
    end = open_ends.get(partition)
    if end is None:
        return
    if error is None and offset < end:
        found[partition].append(offset)
        offset += 1
    if offset >= end:
        del open_ends[partition]
