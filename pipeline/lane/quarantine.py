"""Who is quarantined, read from the lanes' changelog, and how to ask for a release."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.events import Event
from pipeline.core.payloads import QuarantineReleased
from pipeline.lane import keys
from pipeline.lane.asked import append_asked
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.quarantined import Quarantined
from pipeline.settings import Settings
from pipeline.wire.partitioner import partition_of


class NotQuarantined(Exception):
    """The member is not quarantined, so there is nothing to release."""


def quarantined_members(settings: Settings) -> list[Quarantined]:
    """All quarantined members by id, as of what is committed now. Raises what `connect` raises."""
    context = connect(settings)
    reader = KafkaReader(settings)
    try:
        found = _quarantined(context, reader, range(context.partitions))
    finally:
        reader.close()
        context.close()
    return [found[member_id] for member_id in sorted(found)]


def release_member(settings: Settings, member_id: str, author: str, reason: str) -> Event:
    """Append the release to the log; the lane decides the parked records when it comes to it.

    Raises NotQuarantined, and what `connect` raises.
    """
    context = connect(settings)
    reader = KafkaReader(settings)
    try:
        if member_id not in _quarantined(context, reader, [partition_of(member_id.encode(), context.partitions)]):
            raise NotQuarantined(f"member {member_id!r} is not quarantined: see `accrue quarantine list`")
        return append_asked(context, member_id, "release", QuarantineReleased(author, reason))
    finally:
        reader.close()
        context.close()


def _quarantined(context: LaneContext, reader: KafkaReader, partitions: Iterable[int]) -> dict[str, Quarantined]:
    """By member id what the changelog says last."""
    found: dict[str, Quarantined] = {}
    topic = context.topics.changelog
    for partition in partitions:
        for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
            for _offset, _timestamp_ms, key, value in chunk:
                if key is None or not key.startswith(keys.QUARANTINED):
                    continue
                if value is None:
                    found.pop(key[1:].decode(), None)
                else:
                    one = Quarantined.unpack(value)
                    found[one.member_id] = one
    return found
