"""Open-loop load: one process sends purchases when they are due, another notes when their ledger entries are seen.

An event is due at its place in the schedule whether or not the ones before it have been answered, and its latency
counts from when it was due, not from when it could be sent: what a stall makes wait is in the figures.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from bench.load import LogRecord
from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled, Payload, TransactionCompleted
from pipeline.core.records import LedgerEntry
from pipeline.lane.kafka import new_consumer, new_producer
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.partitioner import partition_of
from pipeline.wire.registry import Registry

PREFIX: Final = "open-"
SILENCE_S: Final = 30.0
POLL_S: Final = 0.05
PAUSE_S: Final = 0.0005
FLUSH_S: Final = 60.0
NOT_SEEN: Final = 0


class Plan(NamedTuple):
    """What both processes know: `count` purchases of `members` members, `rate` of them a second."""

    settings: Settings
    log: str
    entries: str
    partitions: int
    members: int
    count: int
    rate: float
    schema_ids: Mapping[str, int]


class Schedule(NamedTuple):
    """When event number n is due: on the machine's monotonic clock, which its processes share."""

    start_ns: int
    rate: float

    def due_ns(self, number: int) -> int:
        return self.start_ns + int(number / self.rate * 1e9)

    def due_by(self, now_ns: int) -> int:
        """How many events are due at `now_ns`."""
        return max(0, math.floor((now_ns - self.start_ns) / 1e9 * self.rate) + 1)


def enrolments(members: int, partitions: int, encoder: Encoder) -> list[LogRecord]:
    """All members join, now."""
    return [_record(f"join-{n}", n, MemberEnrolled("US", "", ""), partitions, encoder) for n in range(members)]


def purchases(prefix: str, count: int, members: int, partitions: int, encoder: Encoder) -> list[LogRecord]:
    """Purchases, now; each of them earns points, so each has a ledger entry."""
    return [
        _record(f"{prefix}{n}", n * 7919 % members, _purchase(f"{prefix}{n}", n), partitions, encoder)
        for n in range(count)
    ]


def produce(plan: Plan, channel: Connection) -> None:
    """Send the plan's purchases by the schedule that comes through the channel; answers with the worst delay in ns."""
    records = purchases(PREFIX, plan.count, plan.members, plan.partitions, Encoder(plan.schema_ids))
    producer = new_producer(plan.settings, {"delivery.report.only.error": True})
    producer.list_topics(plan.log, timeout=FLUSH_S)
    channel.send("ready")
    schedule: Schedule = channel.recv()
    sent, latest_ns = 0, 0
    while sent < plan.count:
        now_ns = time.monotonic_ns()
        due = min(plan.count, schedule.due_by(now_ns))
        if sent < due:
            latest_ns = max(latest_ns, now_ns - schedule.due_ns(sent))
        for partition, key, value, _timestamp_ms in records[sent:due]:
            producer.produce(plan.log, value, key, partition)
        sent = due
        producer.poll(0)
        time.sleep(PAUSE_S)
    left = producer.flush(FLUSH_S)
    assert not left, f"{left} events were not delivered"
    channel.send(latest_ns)


def consume(plan: Plan, channel: Connection) -> None:
    """Note when the first committed entry of each purchase is seen; answers with these times in ns, 0 for not seen."""
    decoder = Decoder(Registry(plan.settings.registry_url))
    consumer = new_consumer(plan.settings, f"{plan.settings.app_id}-latency")
    places = [TopicPartition(plan.entries, partition) for partition in range(plan.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=FLUSH_S)[1]
    consumer.assign(places)
    channel.send("ready")
    seen_ns = array("q", bytes(8 * plan.count))
    seen, news_s = 0, time.monotonic()
    while seen < plan.count and time.monotonic() - news_s < SILENCE_S:
        message = consumer.poll(POLL_S)
        now_ns = time.monotonic_ns()
        if message is None:
            continue
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        entry = decoder.output(message.value() or b"")
        if isinstance(entry, LedgerEntry) and entry.event_id.startswith(PREFIX):
            number = int(entry.event_id.removeprefix(PREFIX))
            if seen_ns[number] == NOT_SEEN:
                seen_ns[number] = now_ns
                seen += 1
                news_s = time.monotonic()
    consumer.close()
    channel.send(seen_ns)


def _record(event_id: str, member: int, payload: Payload, partitions: int, encoder: Encoder) -> LogRecord:
    member_id = f"m-{member:06}"
    now_ms = time.time_ns() // 1_000_000
    event = Event(event_id, member_id, now_ms, "bench", "", {}, payload, now_ms)
    key = member_id.encode()
    return LogRecord(partition_of(key, partitions), key, encoder.event(event), 0)


def _purchase(order_id: str, number: int) -> TransactionCompleted:
    amount_minor = 500 + number * 37 % 9_500
    return TransactionCompleted(order_id, amount_minor, "USD", "web", f"s-{number % 40}", "US", [])
