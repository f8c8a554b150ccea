"""What an operator does with pools: put voucher codes in, quarantine partners, and see how pools stand."""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, final

from confluent_kafka import KafkaError

from pipeline import clock
from pipeline.core.fraud_partners import name_of
from pipeline.core.pool_ids import CODES, LOAD, PARTNER, QUARANTINE
from pipeline.core.pools import request_fault
from pipeline.core.records import PoolBalance, PoolRequest
from pipeline.lane.kafka import new_admin, new_producer, partition_counts
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topics import Topics

REQUESTS: Final = "pool-requests"
BALANCES: Final = "pool-balances"
DELIVERY_SECONDS: Final = 60.0


class PoolsRefused(Exception):
    """What was asked cannot be done; the message says why and what to do."""


def load_request(pool: str, code: str, author: str, now_ms: int) -> PoolRequest:
    """One code for a pool. Its id is derived from both, so that loading it again is known to be that. Raises
    PoolsRefused."""
    pool_id = CODES + pool.removeprefix(CODES)
    name = blake2b(f"{len(pool_id)}:{pool_id}{code}".encode(), digest_size=16).hexdigest()
    request = PoolRequest(name, pool_id, LOAD, 1, 0, [code], "", name, "", now_ms, now_ms, author=author)
    fault = request_fault(request)
    if fault is not None:
        raise PoolsRefused(f"{pool_id}: {fault[1]}")
    return request


def quarantine_request(signal_id: str, partner: str, until_ms: int, author: str, now_ms: int) -> PoolRequest:
    """A person's quarantine of a partner, under a signal of the programme. Raises PoolsRefused."""
    pool_id = f"{PARTNER}{signal_id}:{name_of(partner)}"
    name = f"{pool_id}:{until_ms}"
    request = PoolRequest(
        name, pool_id, QUARANTINE, 1, 0, [], "", name, "", now_ms, now_ms, author=author, terms=[until_ms]
    )
    fault = request_fault(request)
    if fault is not None:
        raise PoolsRefused(f"{pool_id}: {fault[1]}")
    return request


@final
class PoolDesk:
    """To be closed. Raises KafkaException and LaneFailed where the brokers do not answer."""

    def __init__(self, settings: Settings, topics: Topics, decoder: Decoder) -> None:
        self._settings = settings
        self._requests = topics.name(REQUESTS)
        self._balances = topics.name(BALANCES)
        self._decoder = decoder
        counts = partition_counts(new_admin(settings))
        missing = [name for name in (self._requests, self._balances) if name not in counts]
        if missing:
            raise PoolsRefused(f"the cluster lacks {', '.join(missing)}: run `accrue topics apply`")
        self._partitions = counts[self._requests]
        self._reader = KafkaReader(settings)

    def load(self, pool: str, codes: Iterable[str], author: str, encoder: Encoder) -> int:
        """Put codes into a pool; returns how many were sent. Those that it knows change nothing."""
        now_ms = clock.now_ms()
        requests = [load_request(pool, code, author, now_ms) for code in codes]
        self._send(requests, encoder)
        return len(requests)

    def quarantine(self, signal_id: str, partner: str, until_ms: int, author: str, encoder: Encoder) -> None:
        """Put a partner under quarantine until then, or end it."""
        self._send([quarantine_request(signal_id, partner, until_ms, author, clock.now_ms())], encoder)

    def _send(self, requests: list[PoolRequest], encoder: Encoder) -> None:
        producer = new_producer(self._settings, {"delivery.timeout.ms": int(DELIVERY_SECONDS * 1000)})
        left = len(requests)
        failure: KafkaError | None = None

        def delivered(error: KafkaError | None, _message: Any) -> None:
            nonlocal left, failure
            left -= 1
            failure = failure or error

        for request in requests:
            key = request.pool_id.encode()
            place = partition_of(key, self._partitions)
            while True:
                try:
                    producer.produce(self._requests, encoder.pool_request(request), key, place, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while left and failure is None and time.monotonic() < deadline:
            producer.poll(0.1)
        if left or failure is not None:
            raise LaneFailed(f"{self._requests} took not all requests: {failure or 'no answer'}; send them again")

    def balances(self) -> list[PoolBalance]:
        """How all pools stand, by id."""
        found: dict[str, PoolBalance] = {}
        for partition in range(self._partitions):
            start, end = self._reader.bounds(self._balances, partition)
            for chunk in self._reader.read(self._balances, partition, start, end):
                for _offset, _timestamp_ms, _key, value in chunk:
                    record = self._decoder.output(value or b"")
                    if isinstance(record, PoolBalance):
                        found[record.pool_id] = record
        return [found[pool_id] for pool_id in sorted(found)]

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()
