"""Writes control records: one transaction that tells every partition of the log, committed in time or not at all.

These are the only transactions over `member-events`; they are short, because an open one holds up every reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, final

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.core.horizons import Horizons
from pipeline.lane.kafka import new_admin, new_producer, partition_counts
from pipeline.lane.published import PROGRAMS, REQUEST_S
from pipeline.settings import Settings
from pipeline.wire.topics import LOG, Topics

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""A transaction that is not committed by then is aborted by the broker."""

DECIDED_WITHIN_MS: Final = 20_000
"""Longest that an open transaction stays undecided: its timeout, and the 10 s between the broker's looks at it."""

ALLOWANCE_MS: Final = DECIDED_WITHIN_MS + 10_000
"""How much earlier than the lead a control record must be asked for: what is before its transaction takes time too."""

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


@final
class ControlRefused(Exception):
    """The control record would break a promise of the log; nothing was written."""


@final
class ControlFailed(Exception):
    """Kafka did not do its part; the message says whether the control record may have been written all the same."""


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def earliest_ms(now_ms: int, horizons: Horizons) -> int:
    """The first full second from which something can be in force that is asked for now."""
    return -(-(now_ms + horizons.activation_lead_ms + ALLOWANCE_MS) // 1000) * 1000


@final
class ControlWriter:
    """Writes for one pipeline, under one transactional id: one at a time is at work, a later one shuts out an earlier
    one, and so control records have one order in all partitions.

    `done` says in messages what a record does (activated, published), `look` how to find out whether it did.
    """

    def __init__(self, settings: Settings, topics: Topics, clock: Clock, done: str, look: str) -> None:
        self._settings = settings
        self._topics = topics
        self._clock = clock
        self._done = done
        self._look = look

    def log_partitions(self, *needed: str) -> int:
        """How many partitions the log has, by the brokers. Raises ControlRefused where it or a needed topic lacks."""
        try:
            counts = partition_counts(new_admin(self._settings), REQUEST_S)
        except KafkaException as error:
            raise ControlFailed(f"nothing was {self._done}: the brokers do not tell their topics: {error}") from error
        missing = [self._topics.name(name) for name in (LOG, *needed) if self._topics.name(name) not in counts]
        if missing:
            raise ControlRefused(f"the cluster lacks {', '.join(missing)}: run `accrue topics apply`")
        return counts[self._topics.name(LOG)]

    def take_over(self) -> Producer:
        """A producer under the writer's own id; what an earlier one left open is aborted when this returns."""
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
            raise ControlFailed(f"nothing was {self._done}: no transactions to be had: {error}") from error
        return producer

    def everywhere(self, producer: Producer, value: bytes, partitions: int, timestamp_ms: int) -> None:
        """One control record for every partition of the log."""
        for partition in range(partitions):
            producer.produce(self._topics.name(LOG), value, None, partition, timestamp=timestamp_ms)

    def transact(self, producer: Producer, send: Callable[[], None], last_moment_ms: int | None) -> None:
        """Send in one transaction that is committed before the last moment or aborted, whatever fails.

        The transaction is open when the clock is read, so the broker decides it within `DECIDED_WITHIN_MS` from then.
        """
        try:
            producer.begin_transaction()
            send()
            if producer.flush(REQUEST_S):
                producer.abort_transaction(REQUEST_S)
                raise ControlFailed(f"nothing was {self._done}: the brokers did not take all records in time")
            if last_moment_ms is not None and self._clock() + DECIDED_WITHIN_MS > last_moment_ms:
                producer.abort_transaction(REQUEST_S)
                raise ControlRefused(f"nothing was {self._done}: it took until too late; choose a later time")
            producer.commit_transaction(REQUEST_S)
        except KafkaException as error:
            raise self._failure(producer, error) from error

    def _failure(self, producer: Producer, error: KafkaException) -> ControlFailed:
        """What became of a transaction that met an error; aborted where it can be."""
        cause = error.args[0]
        if isinstance(cause, KafkaError) and cause.txn_requires_abort():
            producer.abort_transaction(REQUEST_S)
            return ControlFailed(f"nothing was {self._done}: {error}")
        return ControlFailed(f"whether it was {self._done} is not known; see `{self._look}`: {error}")
