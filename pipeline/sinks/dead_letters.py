"""Dead letters as the topic holds them: found, looked at, and sent once more to where they were read."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from pipeline.core.reasons import ACTIVATION_TOO_LATE, BASELINES_REFUSED, WRONG_PARTITION
from pipeline.core.records import DeadLetter
from pipeline.lane.kafka import new_admin, new_producer, partition_counts
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.reset import TABLES
from pipeline.settings import Settings
from pipeline.sinks.target import SinkError
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topics import LOG, Topics

DEAD_LETTERS: Final = "dead-letters"
DELIVERY_S: Final = 60.0
_ROOM_S: Final = 0.05


@dataclass(frozen=True)
class Letter:
    """A dead letter and where it stands in its topic, written PARTITION:OFFSET."""

    partition: int
    offset: int
    content: DeadLetter

    @property
    def place(self) -> str:
        """How commands name it."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True)
class Redriven:
    """What became of a letter: where it was sent, why not (`problem`), or which letter it repeats (`same_as`)."""

    letter: Letter
    topic: str = ""
    partition: int = -1
    offset: int = -1
    problem: str = ""
    same_as: str = ""


class DeadLetters:
    """The topic of dead letters. One thread at a time; to be closed."""

    def __init__(self, settings: Settings, topics: Topics, decoder: Decoder) -> None:
        self._settings = settings
        self._topic = topics.name(DEAD_LETTERS)
        self._log_topic = topics.name(LOG)
        self._retaken = [self._log_topic, *(topics.name(name) for name in TABLES)]
        self._decoder = decoder
        self._reader = KafkaReader(settings)

    def all(self, reason: str = "") -> Iterator[Letter]:
        """Every letter there is now, of one reason or of any, partition by partition.

        Raises SinkError for a topic that does not exist or holds other records, LaneFailed when Kafka is away.
        """
        for partition in range(self._partitions(self._topic)):
            start, end = self._reader.bounds(self._topic, partition)
            for letter in self._read(partition, start, end):
                if not reason or letter.content.reason == reason:
                    yield letter

    def at(self, partition: int, offset: int) -> Letter:
        """The letter at this place. Raises SinkError if there is none, and as `all`."""
        count = self._partitions(self._topic)
        if partition < count:
            start, end = self._reader.bounds(self._topic, partition)
            if start <= offset < end:
                for letter in self._read(partition, offset, end):
                    if letter.offset == offset:
                        return letter
                    break
        raise SinkError(f"there is no dead letter at {partition}:{offset}: `accrue dlq list` names them")

    def redrive(self, letters: Iterable[Letter]) -> Iterator[Redriven]:
        """Send the original records to their topics once more, stamped now; tells of each letter what became of it.

        A record that is repeated among the letters is sent once. One that fails again comes back as a new dead letter.
        Raises as `all`.
        """
        counts = self._counts(self._log_topic)
        with _Sender(self._settings) as sender:
            sent: dict[bytes, str] = {}
            for letter in letters:
                content = letter.content
                problem, key, partition = self._route(content, counts.get(content.topic, 0))
                record = repr((content.topic, key, content.value))
                identity = hashlib.blake2b(record.encode(), digest_size=16).digest()
                if problem or identity in sent:
                    yield Redriven(letter, problem=problem, same_as="" if problem else sent[identity])
                    continue
                sent[identity] = letter.place
                sender.send(letter, partition, key)
                yield from sender.done()
            yield from sender.rest()

    def close(self) -> None:
        """Leave the cluster."""
        self._reader.close()

    def _route(self, letter: DeadLetter, partitions: int) -> tuple[str, bytes | None, int]:
        """(why the letter cannot be sent or empty, key, partition), where its topic has so many partitions."""
        if letter.topic not in self._retaken or not partitions:
            taken = ", ".join(self._retaken)
            return f"it was read from {letter.topic}: records are taken again by {taken} alone", None, -1
        if letter.reason == ACTIVATION_TOO_LATE:
            return "it is a control record, whose time is over: publish the programme again", None, -1
        if letter.reason == BASELINES_REFUSED:
            return "it is a control record, whose time is over: publish the baselines again", None, -1
        if letter.reason == WRONG_PARTITION and letter.topic == self._log_topic:
            if not letter.member_id:
                return "it names no member, so no partition is its own", None, -1
            key = letter.member_id.encode()
            return "", key, partition_of(key, partitions)
        if not letter.key:
            return "", None, letter.partition
        return "", letter.key, partition_of(letter.key, partitions)

    def _read(self, partition: int, start: int, end: int) -> Iterator[Letter]:
        for chunk in self._reader.read(self._topic, partition, start, end):
            for offset, _timestamp_ms, _key, value in chunk:
                place = f"{self._topic}[{partition}]:{offset}"
                try:
                    content = self._decoder.output(value or b"")
                except Undecodable as error:
                    raise SinkError(f"{place} is unreadable: {error}") from error
                if not isinstance(content, DeadLetter):
                    raise SinkError(f"{place} holds a {type(content).__name__}: only DeadLetter belongs there")
                yield Letter(partition, offset, content)

    def _partitions(self, topic: str) -> int:
        return self._counts(topic)[topic]

    def _counts(self, topic: str) -> dict[str, int]:
        """Partitions of all topics, among which this one must be. Raises SinkError."""
        counts = partition_counts(new_admin(self._settings))
        if topic not in counts:
            raise SinkError(f"Kafka does not have topic {topic}: create it with `accrue topics apply`")
        return counts


class _Sender:
    """An idempotent producer that tells of each record where it landed."""

    def __init__(self, settings: Settings) -> None:
        self._done: list[Redriven] = []
        self._producer: Producer = new_producer(settings, {"delivery.timeout.ms": int(DELIVERY_S * 1000)})

    def __enter__(self) -> _Sender:
        return self

    def __exit__(self, *_error: object) -> None:
        self._producer.flush(DELIVERY_S)

    def send(self, letter: Letter, partition: int, key: bytes | None) -> None:
        topic = letter.content.topic

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._done.append(Redriven(letter, problem=f"the broker did not take it: {error.str()}"))
            else:
                self._done.append(Redriven(letter, topic, message.partition() or 0, message.offset() or 0))

        until_s = time.monotonic() + DELIVERY_S
        while True:
            try:
                self._producer.produce(topic, letter.content.value, key, partition, on_delivery=delivered)
                break
            except BufferError:  # the queue is full: deliveries make room
                if time.monotonic() > until_s:
                    raise SinkError(f"{topic}: the queue found no room within {DELIVERY_S:.0f} s") from None
                self._producer.poll(_ROOM_S)
        self._producer.poll(0)

    def done(self) -> list[Redriven]:
        """What has been answered since the last call."""
        done, self._done = self._done, []
        return done

    def rest(self) -> list[Redriven]:
        """Wait for the answers that are left. Raises SinkError if some do not come."""
        left = self._producer.flush(2 * DELIVERY_S)
        if left:
            raise SinkError(f"{left} records had no answer within {2 * DELIVERY_S:.0f} s")
        return self.done()
