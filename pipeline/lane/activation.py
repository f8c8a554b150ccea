"""Puts a programme in force: its bundle on `programs`, then one transaction that tells every partition of the log."""

from __future__ import annotations

from typing import final

from confluent_kafka import Producer

from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.lane.control import Clock, ControlRefused, ControlWriter, earliest_ms, wall_clock
from pipeline.lane.published import PROGRAMS, Activation, activations_header, published, timeline
from pipeline.program import Bundle, compile_bundle
from pipeline.settings import Settings
from pipeline.wire.codec import Encoder
from pipeline.wire.times import time_text
from pipeline.wire.topics import Topics


@final
class Publisher:
    """Publishes for one pipeline. One at a time is at work: a later one shuts out an earlier one."""

    def __init__(
        self, settings: Settings, topics: Topics, encoder: Encoder, horizons: Horizons, clock: Clock = wall_clock
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._encoder = encoder
        self._horizons = horizons
        self._clock = clock
        self._log = ControlWriter(settings, topics, clock, "activated", "accrue program history")

    def publish(self, bundle: Bundle, effective_at_ms: int | None, author: str, reason: str) -> Activation:
        """Put a programme in force from a moment on (None: as soon as can be); returns the activation, committed.

        Only the first programme of a log may take effect earlier than the lead time from now, or in the past. Raises
        BundleRefused or ProgramRefused (the bundle), ControlRefused (the moment), ControlFailed or LaneFailed
        (Kafka).
        """
        compile_bundle(bundle)
        partitions = self._log.log_partitions(PROGRAMS)
        producer = self._log.take_over()
        history = published(self._settings, self._topics)
        earlier = timeline(history)
        now_ms = self._clock()
        effective_ms = self._effective_ms(effective_at_ms, now_ms, earlier, bundle.hash)
        activation = Activation(effective_ms, author, reason, now_ms)
        known = next((each for each in history if each.program_hash == bundle.hash), None)
        if known is None:
            # Whoever meets the activation finds the bundle.
            self._log.transact(producer, lambda: self._send_bundle(producer, bundle, ()), None)
        past = known.activations if known is not None else ()

        def send() -> None:
            self._send_bundle(producer, bundle, (*past, activation))
            told = ProgramActivated(bundle.hash, effective_ms, author, reason)
            self._log.everywhere(producer, self._encoder.program_activated(told), partitions, now_ms)

        self._log.transact(producer, send, effective_ms - self._horizons.activation_lead_ms if earlier else None)
        return activation

    def _effective_ms(
        self, asked_ms: int | None, now_ms: int, earlier: list[tuple[int, str]], program_hash: str
    ) -> int:
        """The moment asked for, if the log's promises allow it. Raises ControlRefused."""
        if not earlier:
            return now_ms if asked_ms is None else asked_ms
        earliest = earliest_ms(now_ms, self._horizons)
        effective_ms = earliest if asked_ms is None else asked_ms
        if effective_ms < earliest:
            raise ControlRefused(
                f"{time_text(effective_ms)} is too early: events of that time may be decided before every lane knows; "
                f"choose {time_text(earliest)} or later"
            )
        before = [each for each in earlier if each[0] <= effective_ms]
        if before and before[-1][1] == program_hash:
            since = time_text(before[-1][0])
            raise ControlRefused(f"programme {program_hash[:12]} is in force then already, since {since}")
        if before and before[-1][0] == effective_ms:
            at = time_text(effective_ms)
            raise ControlRefused(f"programme {before[-1][1][:12]} takes effect at {at} already: choose another time")
        return effective_ms

    def _send_bundle(self, producer: Producer, bundle: Bundle, activations: tuple[Activation, ...]) -> None:
        headers = activations_header(activations)
        producer.produce(self._topics.name(PROGRAMS), bundle.canonical(), bundle.hash.encode(), 0, headers=headers)
