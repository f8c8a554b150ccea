"""Appends records to the log at least once, with times that the broker accepts: for relay, fulfilment and ticks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from pipeline import clock
from pipeline.lane.kafka import new_admin, new_producer, topic_config
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings
from pipeline.wire.times import time_text

Append = tuple[int, bytes | None, bytes, int]
"""(partition, key, value, timestamp in ms or 0 for now) of a record to append."""

DELIVERY_SECONDS: Final = 30.0
MARGIN_MS: Final = 30_000
"""Timestamps keep this far from the broker's limits: its clock may differ from ours, and a record may wait."""
LIMITS_SECONDS: Final = 60.0
TIME_REFUSED: Final = (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD)
"""The second is what the broker says of records that came in one batch with one whose time it refuses."""
BEFORE_MAX: Final = "message.timestamp.before.max.ms"
AFTER_MAX: Final = "message.timestamp.after.max.ms"


def acceptable_ms(timestamp_ms: int, now_ms: int, before_max_ms: int, after_max_ms: int) -> int:
    """The time nearest to `timestamp_ms` (0: now) that the broker accepts: one that it refuses costs a whole batch."""
    earliest = now_ms - max(before_max_ms - MARGIN_MS, 0)
    latest = now_ms + max(after_max_ms - MARGIN_MS, 0)
    return min(max(timestamp_ms or now_ms, earliest), latest)


@final
class TimeRefused(LaneFailed):
    """The broker takes no record of the time that this worker's clock shows."""


@final
class LogAppender:
    """Shared by threads. Records of one call keep their order per partition; a call that fails may have sent some."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._admin: AdminClient | None = None
        self._limits: tuple[int, int] | None = None
        self._limits_read_at = 0.0

    def append(self, records: list[Append]) -> None:
        """Returns when all are on the log. Raises LaneFailed when one is not, TimeRefused where a clock is wrong.

        Append them again then.
        """
        if not records:
            return
        times_ms = self._times(records)
        producer = self._open()
        pending = _Pending(len(records))
        try:
            for (partition, key, value, _), timestamp_ms in zip(records, times_ms, strict=True):
                producer.produce(
                    self._topic, value, key, partition, on_delivery=pending.delivered, timestamp=timestamp_ms
                )
            deadline = time.monotonic() + DELIVERY_SECONDS
            while pending.left and time.monotonic() < deadline:
                producer.poll(0.05)
        except (KafkaException, BufferError) as error:
            self._give_up(producer)
            raise LaneFailed(f"{self._topic} took no records: {error}") from error
        if pending.left or pending.error is not None:
            self._give_up(producer)
            if pending.error is not None and pending.error.code() in TIME_REFUSED:
                raise TimeRefused(
                    f"{self._topic}: the broker refuses records of {time_text(min(times_ms))} to "
                    f"{time_text(max(times_ms))}: the clock here or there is wrong; set it"
                )
            raise LaneFailed(
                f"{self._topic} did not acknowledge {pending.left} records: {pending.error or 'no answer'}"
            )

    def close(self) -> None:
        with self._lock:
            self._producer = None

    def _times(self, records: list[Append]) -> list[int]:
        """The records' timestamps as the broker takes them. Before one is altered, the limits are read anew.

        An import lifts a limit while it runs; a record of history that was moved to now would let its member's time
        run ahead of the history that is still to come.
        """
        now_ms = clock.now_ms()
        limits = self._read_limits()
        times_ms = [acceptable_ms(timestamp_ms, now_ms, *limits) for *_, timestamp_ms in records]
        asked_ms = [timestamp_ms or now_ms for *_, timestamp_ms in records]
        if times_ms == asked_ms:
            return times_ms
        self._forget_limits()
        limits = self._read_limits()
        return [acceptable_ms(timestamp_ms, now_ms, *limits) for timestamp_ms in asked_ms]

    def _open(self) -> Producer:
        with self._lock:
            if self._producer is None:
                overrides = {"delivery.timeout.ms": int(DELIVERY_SECONDS * 1000), "linger.ms": 1}
                self._producer = new_producer(self._settings, overrides)
            return self._producer

    def _give_up(self, producer: Producer) -> None:
        """An idempotent producer that has failed may never work again; the limits may be why it failed."""
        self._forget_limits()
        with self._lock:
            if self._producer is producer:
                self._producer = None

    def _forget_limits(self) -> None:
        with self._lock:
            self._limits = None

    def _read_limits(self) -> tuple[int, int]:
        with self._lock:
            if self._limits is not None and time.monotonic() - self._limits_read_at < LIMITS_SECONDS:
                return self._limits
            try:
                self._admin = self._admin or new_admin(self._settings)
                config = topic_config(self._admin, self._topic)
            except (KafkaException, TimeoutError) as error:
                raise LaneFailed(f"the timestamp limits of {self._topic} are not to be had: {error}") from error
            self._limits = int(config[BEFORE_MAX]), int(config[AFTER_MAX])
            self._limits_read_at = time.monotonic()
            return self._limits


@final
class _Pending:
    """What one call still waits for; deliveries may be reported on any thread that polls."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.error: KafkaError | None = None
        self._lock = threading.Lock()

    def delivered(self, error: KafkaError | None, _message: Any) -> None:
        with self._lock:
            self.left -= 1
            self.error = self.error or error


AppendFunction = Callable[[list[Append]], None]
"""`LogAppender.append` or a stand-in for it."""
