"""The Kafka side of a sink: which partitions there are, where each begins and ends, and what was committed between."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
)
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import OffsetSpec

from pipeline.lane.kafka import new_admin, new_consumer
from pipeline.settings import Settings
from pipeline.sinks.second_reading import SecondReader
from pipeline.sinks.target import AwayError, SinkError, TopicPartition

REQUEST_S: Final = 10.0
FETCH_RECORDS: Final = 500
FETCH_WAIT_MS: Final = 50

_PASSING_ERRORS: Final = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE})
"""What librdkafka reports and mends by itself: it reconnects, and the consumer goes on where it was."""


class LogSource:
    """Committed records of some topics, from given offsets; `again` reads what left gaps. Belongs to one thread."""

    def __init__(self, settings: Settings, topics: Sequence[str], group: str) -> None:
        """topics: full names; group: named to the broker, never joined, since the target keeps the offsets."""
        self._topics = tuple(topics)
        self._admin = new_admin(settings)
        # An end is told with an empty answer, which the broker holds back for so long.
        overrides = {"enable.partition.eof": True, "fetch.wait.max.ms": FETCH_WAIT_MS, "client.id": group}
        self._consumer = new_consumer(settings, group, overrides)
        self.again = SecondReader(settings, group)
        self._at_end: set[TopicPartition] = set()
        self._partitions: frozenset[TopicPartition] = frozenset()

    def partitions(self) -> dict[TopicPartition, str]:
        """Every partition of the topics with its topic's id. Raises AwayError also while a topic does not exist."""
        found: dict[TopicPartition, str] = {}
        try:
            futures = self._admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=REQUEST_S)
            for topic in self._topics:
                described = futures[topic].result()
                found |= {(topic, partition.id): str(described.topic_id) for partition in described.partitions}
        except KafkaException as error:
            raise AwayError(_away_text(error, self._topics)) from error
        return found

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """(first offset there is, offset after the last committed record) of each partition. Raises AwayError."""
        wanted = list(partitions)
        first = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        end = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {partition: (first[partition], end[partition]) for partition in wanted}

    def _offsets(self, partitions: list[TopicPartition], which: OffsetSpec) -> dict[TopicPartition, int]:
        try:
            futures = self._admin.list_offsets(
                {KafkaPartition(*partition): which for partition in partitions},
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=REQUEST_S,
            )
            return {(place.topic, place.partition): int(future.result().offset) for place, future in futures.items()}
        except KafkaException as error:
            raise AwayError(_away_text(error, self._topics)) from error

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets; what was fetched before is dropped. Raises AwayError."""
        self._at_end.clear()
        self._partitions = frozenset(offsets)
        try:
            self._consumer.assign([KafkaPartition(*partition, offset) for partition, offset in offsets.items()])
        except KafkaException as error:
            raise AwayError(_away_text(error, self._topics)) from error

    def fetch(self, records: int, size_bytes: int, linger_s: float) -> list[Message]:
        """What has arrived within `linger_s`, at most about `records` records and `size_bytes` bytes.

        Raises AwayError for an error of the cluster and SinkError for an offset that the log does not have.
        """
        fetched: list[Message] = []
        size = 0
        until_s = time.monotonic() + linger_s
        while len(fetched) < records and size < size_bytes:
            rest_s = until_s - time.monotonic()
            if rest_s <= 0:
                break
            try:
                messages = self._consumer.consume(min(FETCH_RECORDS, records - len(fetched)), rest_s)
            except KafkaException as error:
                raise AwayError(_away_text(error, self._topics)) from error
            for message in messages:
                problem = message.error()
                if problem is not None:
                    self._note(message, problem)
                    continue
                self._at_end.discard((str(message.topic()), message.partition() or 0))
                fetched.append(message)
                size += len(message)
        return fetched

    def all_at_end(self) -> bool:
        """Whether every partition has been read to the end it had when it was last asked for more."""
        return self._at_end >= self._partitions

    def lag(self, partition: TopicPartition, next_offset: int) -> int | None:
        """Records and transaction markers from `next_offset` to the last known end; None if none is known yet."""
        if partition in self._at_end:
            return 0
        bounds = self._consumer.get_watermark_offsets(KafkaPartition(*partition), cached=True)
        return None if bounds is None or bounds[1] < 0 else max(0, bounds[1] - next_offset)

    def close(self) -> None:
        """Leave the cluster."""
        self.again.close()
        self._consumer.close()

    def _note(self, message: Message, error: KafkaError) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            self._at_end.add((str(message.topic()), message.partition() or 0))
        elif code == KafkaError._AUTO_OFFSET_RESET:
            raise SinkError(
                f"{error.str()}: the log does not hold the offset that the target asks for; start the sink anew"
            )
        elif code not in _PASSING_ERRORS:
            raise AwayError(f"Kafka: {error.str()}")


def _away_text(error: KafkaException, topics: Sequence[str]) -> str:
    cause = error.args[0]
    if isinstance(cause, KafkaError) and cause.code() in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    ):
        return f"Kafka does not have all of the topics {', '.join(topics)}: create them with `accrue topics apply`"
    return f"Kafka: {cause.str() if isinstance(cause, KafkaError) else cause}"
