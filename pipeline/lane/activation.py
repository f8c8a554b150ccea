"""Puts a programme in force: its bundle on `programs`, then one transaction that tells every partition of the log.

This is the one transaction over `member-events`; it is short, because an open one holds up every reader of the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, final

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.lane.kafka import new_admin, new_producer, partition_counts
from pipeline.lane.published import PROGRAMS, REQUEST_S, Activation, activations_header, published, timeline
from pipeline.program import Bundle, compile_bundle
from pipeline.settings import Settings
from pipeline.wire.codec import Encoder
from pipeline.wire.times import time_text
from pipeline.wire.topics import LOG, Topics

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""A transaction that is not committed by then is aborted by the broker."""

DECIDED_WITHIN_MS: Final = 20_000
"""Longest that an open transaction stays undecided: its timeout, and the 10 s between the broker's looks at it."""

ALLOWANCE_MS: Final = DECIDED_WITHIN_MS + 10_000
"""How much earlier than the lead an activation must be asked for: what is before its transaction takes time too."""

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


@final
class ActivationRefused(Exception):
    """The activation would break a promise of the log; nothing was activated."""


@final
class ActivationFailed(Exception):
    """Kafka did not do its part; the message says whether the programme may have been activated all the same."""


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def earliest_ms(now_ms: int, horizons: Horizons) -> int:
    """The first full second from which a programme other than the first can be in force."""
    return -(-(now_ms + horizons.activation_lead_ms + ALLOWANCE_MS) // 1000) * 1000


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

    def publish(self, bundle: Bundle, effective_at_ms: int | None, author: str, reason: str) -> Activation:
        """Put a programme in force from a moment on (None: as soon as can be); returns the activation, committed.

        Only the first programme of a log may take effect earlier than the lead time from now, or in the past. Raises
        BundleRefused or ProgramRefused (the bundle), ActivationRefused (the moment), ActivationFailed or LaneFailed
        (Kafka).
        """
        compile_bundle(bundle)
        partitions = self._log_partitions()
        producer = self._take_over()
        history = published(self._settings, self._topics)
        earlier = timeline(history)
        now_ms = self._clock()
        effective_ms = self._effective_ms(effective_at_ms, now_ms, earlier, bundle.hash)
        activation = Activation(effective_ms, author, reason, now_ms)
        known = next((each for each in history if each.program_hash == bundle.hash), None)
        if known is None:
            # Whoever meets the activation finds the bundle.
            self._transact(producer, lambda: self._send_bundle(producer, bundle, ()), None)
        past = known.activations if known is not None else ()

        def send() -> None:
            self._send_bundle(producer, bundle, (*past, activation))
            self._send_activation(producer, bundle.hash, activation, partitions)

        self._transact(producer, send, effective_ms - self._horizons.activation_lead_ms if earlier else None)
        return activation

    def _log_partitions(self) -> int:
        """How many partitions the log has, by the brokers."""
        try:
            counts = partition_counts(new_admin(self._settings), REQUEST_S)
        except KafkaException as error:
            raise ActivationFailed(f"nothing was activated: the brokers do not tell their topics: {error}") from error
        missing = [self._topics.name(name) for name in (LOG, PROGRAMS) if self._topics.name(name) not in counts]
        if missing:
            raise ActivationRefused(f"the cluster lacks {', '.join(missing)}: run `accrue topics apply`")
        return counts[self._topics.name(LOG)]

    def _take_over(self) -> Producer:
        """A producer under the publisher's own id; what an earlier one left open is aborted when this returns."""
        name = f"{self._settings.app_id}-{self._topics.name(PROGRAMS)}-publisher"
        identity = {
            "transactional.id": name,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "message.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "client.id": name,
        }
        try:
            producer = new_producer(self._settings, identity)
            producer.init_transactions(2 * REQUEST_S)
        except KafkaException as error:
            raise ActivationFailed(f"nothing was activated: no transactions to be had: {error}") from error
        return producer

    def _effective_ms(
        self, asked_ms: int | None, now_ms: int, earlier: list[tuple[int, str]], program_hash: str
    ) -> int:
        """The moment asked for, if the log's promises allow it. Raises ActivationRefused."""
        if not earlier:
            return now_ms if asked_ms is None else asked_ms
        earliest = earliest_ms(now_ms, self._horizons)
        effective_ms = earliest if asked_ms is None else asked_ms
        if effective_ms < earliest:
            raise ActivationRefused(
                f"{time_text(effective_ms)} is too early: events of that time may be decided before every lane knows; "
                f"choose {time_text(earliest)} or later"
            )
        before = [each for each in earlier if each[0] <= effective_ms]
        if before and before[-1][1] == program_hash:
            since = time_text(before[-1][0])
            raise ActivationRefused(f"programme {program_hash[:12]} is in force then already, since {since}")
        if before and before[-1][0] == effective_ms:
            at = time_text(effective_ms)
            raise ActivationRefused(f"programme {before[-1][1][:12]} takes effect at {at} already: choose another time")
        return effective_ms

    def _send_bundle(self, producer: Producer, bundle: Bundle, activations: tuple[Activation, ...]) -> None:
        headers = activations_header(activations)
        producer.produce(self._topics.name(PROGRAMS), bundle.canonical(), bundle.hash.encode(), 0, headers=headers)

    def _send_activation(self, producer: Producer, program_hash: str, activation: Activation, partitions: int) -> None:
        """One control record for every partition of the log."""
        value = self._encoder.program_activated(
            ProgramActivated(program_hash, activation.effective_at_ms, activation.author, activation.reason)
        )
        for partition in range(partitions):
            producer.produce(self._topics.name(LOG), value, None, partition, timestamp=activation.published_at_ms)

    def _transact(self, producer: Producer, send: Callable[[], None], last_moment_ms: int | None) -> None:
        """Send in one transaction that is committed before the last moment or aborted, whatever fails.

        The transaction is open when the clock is read, so the broker decides it within `DECIDED_WITHIN_MS` from then.
        """
        try:
            producer.begin_transaction()
            send()
            if producer.flush(REQUEST_S):
                producer.abort_transaction(REQUEST_S)
                raise ActivationFailed("nothing was activated: the brokers did not take all records in time")
            if last_moment_ms is not None and self._clock() + DECIDED_WITHIN_MS > last_moment_ms:
                producer.abort_transaction(REQUEST_S)
                raise ActivationRefused("nothing was activated: it took until too late; choose a later time")
            producer.commit_transaction(REQUEST_S)
        except KafkaException as error:
            raise _failure(producer, error) from error


def _failure(producer: Producer, error: KafkaException) -> ActivationFailed:
    """What became of a transaction that met an error; aborted where it can be."""
    cause = error.args[0]
    if isinstance(cause, KafkaError) and cause.txn_requires_abort():
        producer.abort_transaction(REQUEST_S)
        return ActivationFailed(f"nothing was activated: {error}")
    return ActivationFailed(f"whether it was activated is not known; see `accrue program history`: {error}")
