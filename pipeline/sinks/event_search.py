"""Finds one event's record on the log by its timestamp, without reading the whole partition."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException, TopicPartition

from pipeline.core.events import Event
from pipeline.lane.kafka import new_consumer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.sinks.target import AwayError
from pipeline.wire.codec import Decoder, Undecodable

PATIENCE_S: Final = 10.0
DISORDER_MS: Final = 15 * 60_000
"""Live timestamps lie at most 10 minutes before and 5 minutes after the append, so no further apart than this."""


def find_event(
    settings: Settings,
    decoder: Decoder,
    topic: str,
    partition: int,
    identity: tuple[str, str, str],
    recorded_at_ms: int,
) -> tuple[int, Event] | None:
    """(offset, event) of the record with this (member_id, source, event_id) and timestamp, or None.

    Raises AwayError or LaneFailed when Kafka is away, RegistryUnavailable.
    """
    start = _first_offset_from(settings, topic, partition, recorded_at_ms)
    if start is None:
        return None
    reader = KafkaReader(settings, patience_s=PATIENCE_S)
    try:
        first, end = reader.bounds(topic, partition)
        for chunk in reader.read(topic, partition, max(first, start), end):
            for offset, timestamp_ms, _key, value in chunk:
                if timestamp_ms == recorded_at_ms and value is not None:
                    event = _event(decoder, value, timestamp_ms)
                    if event is not None and (event.member_id, event.source, event.event_id) == identity:
                        return offset, event
                elif timestamp_ms > recorded_at_ms + DISORDER_MS:
                    return None
        return None
    finally:
        reader.close()


def _first_offset_from(settings: Settings, topic: str, partition: int, time_ms: int) -> int | None:
    consumer = new_consumer(settings, f"{settings.app_id}-event-search")
    try:
        (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, time_ms)], PATIENCE_S)
    except KafkaException as error:
        raise AwayError(f"Kafka did not say where {topic}[{partition}] stood at {time_ms} ms: {error}") from error
    finally:
        consumer.close()
    return found.offset if found.offset >= 0 else None


def _event(decoder: Decoder, value: bytes, timestamp_ms: int) -> Event | None:
    try:
        record = decoder.decode(value, timestamp_ms)
    except Undecodable:
        return None
    return record if isinstance(record, Event) else None
