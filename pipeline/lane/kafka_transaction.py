"""The transaction port over Kafka: one transactional producer per lane, mostly to the lane's own partition."""

from __future__ import annotations

from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.lane.kafka import new_transactional_producer
from pipeline.lane.ports import LaneFailed, Message
from pipeline.settings import Settings

FENCE_SECONDS: Final = 30.0
COMMIT_SECONDS: Final = 30.0
HEADERS: Final = "headers"
PARTITION: Final = "partition"


class KafkaTransaction:
    """A producer opens once: a lane that is opened anew takes a new object.

    All topics have the log's number of partitions, so a record of a lane goes to the partition with its own number, and
    nothing is hashed again; unless it names another "partition", as what is keyed by something else does.
    """

    def __init__(self, settings: Settings, transactional_id: str, partition: int) -> None:
        self._settings = settings
        self._transactional_id = transactional_id
        self._partition = partition
        self._producer: Producer | None = None
        self._ends: dict[str, int] = {}
        self._failure: KafkaError | None = None

    def fence(self) -> None:
        """Shut out every earlier owner; what they left open is aborted when this returns. Takes 10 ms to about 1 s."""
        try:
            self._producer = new_transactional_producer(self._settings, self._transactional_id)
            self._producer.init_transactions(FENCE_SECONDS)
        except KafkaException as error:
            raise LaneFailed(f"{self._transactional_id} could not be taken over: {error}") from error

    def begin(self) -> None:
        self._ends = {}
        self._failure = None
        try:
            self._open().begin_transaction()
        except KafkaException as error:
            raise LaneFailed(f"{self._transactional_id} could not begin: {error}") from error

    def send(self, topic: str, messages: list[Message], tracked: bool = False) -> None:
        """Queue `messages`; they must not be changed afterwards."""
        if not messages:
            return
        if tracked:
            messages[-1]["callback"] = self._landed
        try:
            if HEADERS in messages[0] or PARTITION in messages[0]:
                self._send_singly(topic, messages)
                return
            queued = self._open().produce_batch(topic, messages, partition=self._partition)
        except (KafkaException, BufferError) as error:
            raise LaneFailed(f"{self._transactional_id} could not send to {topic}: {error}") from error
        if queued != len(messages):
            errors = [message["_error"] for message in messages if "_error" in message]
            raise LaneFailed(f"{topic} refused {len(messages) - queued} of {len(messages)} records: {errors[:1]}")

    def commit(self) -> dict[str, int]:
        """Flush and commit. One that times out is unknown, so it failed: the changelog tells at the next opening."""
        try:
            self._open().commit_transaction(COMMIT_SECONDS)
        except KafkaException as error:
            cause = f" ({self._failure})" if self._failure is not None else ""
            raise LaneFailed(f"{self._transactional_id} could not commit: {error}{cause}") from error
        return self._ends

    def close(self) -> None:
        """Drop what is queued and let go of the brokers; an open transaction is aborted by whoever comes next."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _open(self) -> Producer:
        if self._producer is None:
            raise LaneFailed(f"{self._transactional_id} is closed")
        return self._producer

    def _send_singly(self, topic: str, messages: list[Message]) -> None:
        """A batch carries neither headers nor, whatever its documentation says, records for several partitions; the few
        records that have such go one by one."""
        producer = self._open()
        for message in messages:
            producer.produce(
                topic, message["value"], message["key"], message.get(PARTITION, self._partition),
                headers=message.get(HEADERS) or [], on_delivery=message.get("callback"),
            )  # fmt: skip

    def _landed(self, error: KafkaError | None, message: Any) -> None:
        """Called within `commit`, on the lane's own thread."""
        if error is not None:
            self._failure = error
            return
        self._ends[message.topic()] = message.offset() + 1
