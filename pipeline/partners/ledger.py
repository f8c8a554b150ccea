"""Reads the whole ledger for a settlement."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.core.records import LedgerEntry
from pipeline.lane.context import connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.partners.overview import newest_partners
from pipeline.partners.settlement import Settlement
from pipeline.settings import Settings

DECEMBER: Final = 12
SECOND_MS: Final = 1_000


def month_bounds(year: int, month: int, zone: str) -> tuple[int, int]:
    """(first ms, first ms of the next month) of a month in a time zone. Raises ValueError for one that is none."""
    found = ZoneInfo(zone)
    first = datetime(year, month, 1, tzinfo=found)
    following = datetime(year + month // DECEMBER, month % DECEMBER + 1, 1, tzinfo=found)
    return int(first.timestamp()) * SECOND_MS, int(following.timestamp()) * SECOND_MS


def settled(settings: Settings, from_ms: int, until_ms: int) -> Settlement:
    """Every entry of the ledger added up. Raises what `connect` raises, LaneFailed, Undecodable."""
    found = Settlement(newest_partners(settings), from_ms, until_ms)
    context = connect(settings)
    reader = KafkaReader(settings)
    topic = context.topics.entries
    try:
        for partition in range(context.partitions):
            for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
                for _offset, _at_ms, _key, value in chunk:
                    entry = context.decoder.output(value or b"")
                    if isinstance(entry, LedgerEntry):
                        found.add(entry)
    finally:
        reader.close()
        context.close()
    return found
