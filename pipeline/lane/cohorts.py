"""Publishes cohort baselines: one transaction that tells every partition of the log, and the topic that keeps them."""

from __future__ import annotations

from typing import Final, NamedTuple, final

from confluent_kafka import Producer

from pipeline.core.cohorts import SPACING_MS, form_fault, time_fault
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import CohortBaselines
from pipeline.lane.control import Clock, ControlRefused, ControlWriter, earliest_ms, wall_clock
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.times import time_text
from pipeline.wire.topics import Topics

BASELINES: Final = "cohort-baselines"
PARTITION: Final = 0
BYTES_MAX: Final = 900_000
"""A record of the log may have a million bytes, its header included."""


class PublishedBaselines(NamedTuple):
    """Baselines, and when they were published, in ms since 1970 UTC."""

    published_at_ms: int
    baselines: CohortBaselines


def published_baselines(settings: Settings, topics: Topics, decoder: Decoder) -> list[PublishedBaselines]:
    """All that were ever published, in the order in which they take effect. Raises LaneFailed."""
    topic = topics.name(BASELINES)
    reader = KafkaReader(settings)
    found: list[PublishedBaselines] = []
    try:
        start, end = reader.bounds(topic, PARTITION)
        for chunk in reader.read(topic, PARTITION, start, end):
            for offset, timestamp_ms, _key, value in chunk:
                try:
                    record = decoder.decode(value or b"", timestamp_ms)
                except Undecodable as error:
                    raise LaneFailed(f"{topic}, offset {offset}: {error}") from error
                if isinstance(record, CohortBaselines):
                    found.append(PublishedBaselines(timestamp_ms, record))
    finally:
        reader.close()
    return found


def chosen_ms(asked_ms: int | None, now_ms: int, newest_ms: int, horizons: Horizons) -> int:
    """When baselines that are published now take effect: as asked, or as soon as can be after the newest ones do (0:
    none). Raises ControlRefused for a moment that lanes would refuse, or that the transaction could miss."""
    earliest = earliest_ms(now_ms, horizons)
    if newest_ms:
        earliest = max(earliest, newest_ms + SPACING_MS)
    effective_ms = earliest if asked_ms is None else asked_ms
    fault = time_fault(effective_ms, now_ms, newest_ms, horizons)
    if fault is not None:
        raise ControlRefused(fault[1])
    if effective_ms < earliest:
        told, remedy = time_text(effective_ms), time_text(earliest)
        raise ControlRefused(f"effective_at is {told}; publish with effective_at {remedy} or later")
    return effective_ms


@final
class CohortPublisher:
    """Publishes for one pipeline. One at a time is at work, publishers of programmes included."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        encoder: Encoder,
        decoder: Decoder,
        horizons: Horizons,
        clock: Clock = wall_clock,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._encoder = encoder
        self._decoder = decoder
        self._horizons = horizons
        self._clock = clock
        self._log = ControlWriter(settings, topics, clock, "published", "accrue fraud cohorts show")

    def publish(self, measured: CohortBaselines, effective_at_ms: int | None) -> CohortBaselines:
        """Let baselines judge from a moment on (None: as soon as can be); returns them as they were committed.

        Raises ControlRefused (the moment, or baselines that are not whole), ControlFailed or LaneFailed (Kafka).
        """
        fault = form_fault(measured)
        if fault is not None:
            raise ControlRefused(fault[1])
        partitions = self._log.log_partitions(BASELINES)
        producer = self._log.take_over()
        known = published_baselines(self._settings, self._topics, self._decoder)
        newest_ms = known[-1].baselines.effective_at_ms if known else 0
        now_ms = self._clock()
        told = CohortBaselines(
            measured.baseline_id,
            chosen_ms(effective_at_ms, now_ms, newest_ms, self._horizons),
            measured.since_ms,
            measured.until_ms,
            measured.permille,
            measured.cohorts,
            measured.points,
            measured.author,
            measured.reason,
        )
        value = self._encoder.cohort_baselines(told)
        if len(value) > BYTES_MAX:
            raise ControlRefused(
                f"the baselines have {len(value)} bytes and may have {BYTES_MAX}: measure cohorts of more members"
            )
        self._log.transact(
            producer,
            lambda: self._send(producer, value, told.effective_at_ms, partitions, now_ms),
            told.effective_at_ms - self._horizons.activation_lead_ms,
        )
        return told

    def _send(self, producer: Producer, value: bytes, effective_ms: int, partitions: int, now_ms: int) -> None:
        producer.produce(self._topics.name(BASELINES), value, str(effective_ms).encode(), PARTITION, timestamp=now_ms)
        self._log.everywhere(producer, value, partitions, now_ms)
