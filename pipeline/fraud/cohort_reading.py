"""Reads what cohort baselines are measured from: ledger, balances and, where partners are asked for, the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.core.events import Event
from pipeline.core.fraud_program import BY_PARTNER, BY_SEGMENT, BY_TIER, FraudProgram
from pipeline.core.fraud_traits import partner_of
from pipeline.core.program import Program
from pipeline.core.records import LedgerEntry, MemberBalance
from pipeline.fraud.cohorts import PartitionMeasure, Source, Wanted, Window, standing
from pipeline.fraud.sketches import Sketches
from pipeline.history.progress import Advance
from pipeline.lane.kafka import new_admin, partition_counts
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.topics import LOG, Topics

LEDGER: Final = "ledger-entries"
BALANCES: Final = "member-balances"
EARLY_MS: Final = 600_000
"""An event may occur later than its record's timestamp, by less than this."""


class NoLedger(Exception):
    """The cluster has no ledger; the message says what to do."""


def measure(
    settings: Settings,
    topics: Topics,
    decoder: Decoder,
    program: Program,
    wanted: Sequence[Wanted],
    window: Window,
    advance: Advance,
) -> Sketches:
    """Sketches of all cohorts: each partition by itself, then merged. Needs memory for a partition's members and days.
    `advance` is told of each partition.

    Raises NoLedger, LaneFailed while Kafka does not answer, RegistryUnavailable.
    """
    ledger = topics.name(LEDGER)
    partitions = partition_counts(new_admin(settings)).get(ledger, 0)
    if not partitions:
        raise NoLedger(f"{ledger} does not exist: create it with `accrue topics apply`")
    assert program.fraud is not None
    by = {one.by for one in wanted}
    whole = Sketches()
    reader = KafkaReader(settings)
    try:
        for partition in range(partitions):
            standings: dict[str, tuple[str, str]] = {}
            partners: dict[Source, str] = {}
            if by & {BY_SEGMENT, BY_TIER}:
                standings = _standings(reader, topics.name(BALANCES), partition, decoder)
            if BY_PARTNER in by:
                partners = _partners(reader, topics.name(LOG), partition, decoder, program.fraud, window)
            measured = PartitionMeasure(wanted, window, program.calendar, standings, partners)
            for _timestamp_ms, value in _since(reader, ledger, partition, window):
                entry = decoder.output(value)
                if isinstance(entry, LedgerEntry):
                    measured.take(entry)
            whole.merge(measured.finish())
            advance(partition + 1, partitions)
    finally:
        reader.close()
    return whole


def _standings(reader: KafkaReader, topic: str, partition: int, decoder: Decoder) -> dict[str, tuple[str, str]]:
    """(segment, tier) of each member of a partition."""
    found: dict[str, tuple[str, str]] = {}
    start, end = reader.bounds(topic, partition)
    for chunk in reader.read(topic, partition, start, end):
        for _offset, _timestamp_ms, _key, value in chunk:
            balance = decoder.output(value or b"")
            if isinstance(balance, MemberBalance):
                found[balance.member_id] = standing(balance)
    return found


def _partners(
    reader: KafkaReader, topic: str, partition: int, decoder: Decoder, fraud: FraudProgram, window: Window
) -> dict[Source, str]:
    """The partner of each event of the window that names one."""
    found: dict[Source, str] = {}
    for timestamp_ms, value in _since(reader, topic, partition, window):
        try:
            event = decoder.decode(value, timestamp_ms)
        except Undecodable:
            continue  # such records are in dead-letters, and gave no points
        if isinstance(event, Event):
            partner = partner_of(fraud, event)
            if partner:
                found[event.member_id, event.source, event.event_id] = partner
    return found


def _since(reader: KafkaReader, topic: str, partition: int, window: Window) -> Iterator[tuple[int, bytes]]:
    """(timestamp in ms, value) of what may tell of the window."""
    start = reader.from_time(topic, partition, window.since_ms - EARLY_MS)
    for chunk in reader.read(topic, partition, start, reader.bounds(topic, partition)[1]):
        for _offset, timestamp_ms, _key, value in chunk:
            yield timestamp_ms, value or b""
