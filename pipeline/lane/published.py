"""What is on the `programs` topic: every programme that was published, and when each was put in force by whom.

A bundle's record carries its activations as a header. It is written in the transaction that activates, so the history
that it tells is what the lanes read, neither more nor less.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Final, final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.lane.kafka import new_consumer
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings
from pipeline.wire.topics import Topics

PROGRAMS: Final = "programs"
HEADER: Final = "accrue-activations"
REQUEST_S: Final = 15.0

Headers = list[tuple[str, str | bytes | None]]


@final
@dataclass(frozen=True, slots=True)
class Activation:
    """From `effective_at_ms` on, the programme decides. Times in ms since 1970 UTC."""

    effective_at_ms: int
    author: str
    reason: str
    published_at_ms: int


@final
@dataclass(frozen=True, slots=True)
class Published:
    """A programme as its canonical bytes, and its activations in the order in which they were published."""

    program_hash: str
    content: bytes
    activations: tuple[Activation, ...]


def published(settings: Settings, topics: Topics) -> list[Published]:
    """Every programme that was ever published, in the order of its latest change.

    Raises LaneFailed when the brokers are away or a header is not what this module writes.
    """
    topic = topics.name(PROGRAMS)
    # The end is told with an empty answer, which the broker would hold back for half a second.
    overrides = {"enable.partition.eof": True, "fetch.wait.max.ms": 5}
    consumer = new_consumer(settings, f"{settings.app_id}-programs", overrides)
    try:
        found: dict[str, Published] = {}
        for message in _committed(consumer, topic):
            key, value = message.key(), message.value()
            if isinstance(key, bytes) and isinstance(value, bytes):
                name = key.decode("utf-8", "replace")
                found.pop(name, None)
                found[name] = Published(name, value, _activations(message))
        return list(found.values())
    except KafkaException as error:
        raise LaneFailed(f"{topic} cannot be read: {error}") from error
    finally:
        consumer.close()


def activations_header(activations: tuple[Activation, ...]) -> Headers:
    """The headers of a bundle's record; none where it was never activated."""
    if not activations:
        return []
    return [(HEADER, json.dumps([asdict(activation) for activation in activations]).encode())]


def timeline(history: list[Published]) -> list[tuple[int, str]]:
    """(effective_at_ms, program hash) of every activation, ascending."""
    return sorted(
        (activation.effective_at_ms, each.program_hash) for each in history for activation in each.activations
    )


def _committed(consumer: Consumer, topic: str) -> list[Message]:
    """Every committed record of the topic's one partition."""
    bounds = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=REQUEST_S)
    if bounds is None:
        raise LaneFailed(f"no broker told the bounds of {topic} within {REQUEST_S:.0f} s")
    consumer.assign([TopicPartition(topic, 0, bounds[0])])
    records: list[Message] = []
    deadline = time.monotonic() + REQUEST_S
    while time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            return records
        if error is not None:
            raise KafkaException(error)
        records.append(message)
        deadline = time.monotonic() + REQUEST_S
    raise LaneFailed(f"{topic} gave nothing for {REQUEST_S:.0f} s: check the brokers, then try again")


def _activations(message: Message) -> tuple[Activation, ...]:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    for pair in pairs:
        if pair[0] == HEADER:
            try:
                return tuple(Activation(**entry) for entry in json.loads(pair[1] or ""))
            except (ValueError, TypeError) as error:
                place = f"{message.topic()}, offset {message.offset()}"
                raise LaneFailed(f"{place}: header {HEADER} is not a list of activations: {error}") from error
    return ()
