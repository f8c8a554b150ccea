"""Appends records to the log: partitions chosen as the Java clients choose them, every delivery awaited."""

import time
from typing import Any, Final, final

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.lane.kafka import new_producer
from pipeline.settings import Settings
from pipeline.wire.partitioner import partition_of

DELIVERY_S: Final = 60.0
_ROOM_S: Final = 0.05


class NotDelivered(Exception):
    """The broker did not take some records: how many, and why the first; `code` is that error's, or None."""

    def __init__(self, message: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(message)


@final
class Appender:
    """Sends to one topic through an idempotent producer; records of a partition keep their order. One thread at a time.

    Nothing is certain until `flush` has returned. librdkafka's `produce_batch` would be faster but takes no timestamps.
    """

    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self.topic = topic
        self.partitions = partitions
        self._failed = 0
        self._first_failure: tuple[KafkaError, str] | None = None
        self._producer: Producer = new_producer(
            settings,
            {
                "delivery.report.only.error": True,  # what went well needs no call back into Python
                "on_delivery": self._on_delivery,
                "delivery.timeout.ms": int(DELIVERY_S * 1_000),
            },
        )

    def append(self, key: bytes, value: bytes, timestamp_ms: int) -> None:
        """Queue a record for the partition that its key belongs to. Raises NotDelivered for an earlier one."""
        self.append_to(partition_of(key, self.partitions), key, value, timestamp_ms)

    def append_to(self, partition: int, key: bytes | None, value: bytes, timestamp_ms: int) -> None:
        """Queue a record for this partition, wherever its key belongs. Raises NotDelivered."""
        deadline: float | None = None
        while True:
            try:
                self._producer.produce(self.topic, value, key, partition, timestamp=timestamp_ms)
                break
            except BufferError:  # the queue is full: deliveries make room
                deadline = deadline or time.monotonic() + DELIVERY_S
                if time.monotonic() > deadline:
                    raise NotDelivered(f"{self.topic}: the queue found no room within {DELIVERY_S:.0f} s") from None
                self._producer.poll(_ROOM_S)
            except (
                KafkaException
            ) as error:  # refused before it was queued: too large, or the producer is of no more use
                cause = error.args[0]
                code = cause.code() if isinstance(cause, KafkaError) else None
                raise NotDelivered(
                    f"{self.topic}: a record for partition {partition} was refused: {error}", code
                ) from error
        self._producer.poll(0)
        self._raise_failure()

    def append_everywhere(self, value: bytes, timestamp_ms: int) -> None:
        """Queue a control record, which has no key, for every partition. Raises NotDelivered."""
        for partition in range(self.partitions):
            self.append_to(partition, None, value, timestamp_ms)

    @property
    def waiting(self) -> int:
        """Records and callbacks that have not been answered yet."""
        return len(self._producer)

    def flush(self) -> None:
        """Return once everything queued is on the log. Raises NotDelivered."""
        left = self._producer.flush(2 * DELIVERY_S)
        self._raise_failure()
        if left:
            raise NotDelivered(f"{self.topic}: {left} records had no answer within {2 * DELIVERY_S:.0f} s")

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failed += 1
            if self._first_failure is None:
                self._first_failure = (error, f"partition {message.partition()}, timestamp {message.timestamp()[1]}")

    def _raise_failure(self) -> None:
        if self._first_failure is None:
            return
        (error, which), failed = self._first_failure, self._failed
        self._first_failure, self._failed = None, 0
        raise NotDelivered(
            f"{self.topic}: the broker refused {failed} records; the first ({which}): {error.str()}", error.code()
        )
