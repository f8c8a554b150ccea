"""Who is quarantined, read from the lanes' changelog, and how to ask for a release."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import MemberQuarantined, QuarantineReleased
from pipeline.lane import keys
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.wire.codec import Undecodable
from pipeline.wire.partitioner import partition_of
from pipeline.wire.state import unpack_member

SOURCE: Final = "accrue-cli"


class NotQuarantined(Exception):
    """The member is not quarantined, so there is nothing to release."""


@dataclass(frozen=True)
class QuarantinedMember:
    """A member who stands still. Event, place and error are empty where the record of them is gone (30 days)."""

    member_id: str
    parked: int
    event_id: str = ""
    source: str = ""
    offset: int = -1
    error: str = ""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def quarantined_members(settings: Settings) -> list[QuarantinedMember]:
    """All quarantined members by id, as of what is committed now. Raises what `connect` raises."""
    context = connect(settings)
    reader = KafkaReader(settings)
    try:
        parked = _parked_counts(context, reader)
        news = _news(context, reader, set(parked))
    finally:
        reader.close()
        context.close()
    return [
        QuarantinedMember(member_id, count, *news.get(member_id, ())) for member_id, count in sorted(parked.items())
    ]


def release_member(settings: Settings, member_id: str, author: str, reason: str) -> Event:
    """Append the release to the log; the lane decides the parked records when it comes to it.

    Raises NotQuarantined, and what `connect` raises.
    """
    context = connect(settings)
    reader = KafkaReader(settings)
    key = member_id.encode()
    partition = partition_of(key, context.partitions)
    try:
        if member_id not in _parked_counts(context, reader, [partition]):
            raise NotQuarantined(f"member {member_id!r} is not quarantined: see `accrue quarantine list`")
        now_ms = time.time_ns() // 1_000_000
        payload = QuarantineReleased(author, reason)
        event = Event(f"release-{uuid.uuid4().hex}", member_id, now_ms, SOURCE, "", {}, payload, now_ms)
        context.appender.append([(partition, key, context.encoder.event(event), now_ms)])
    finally:
        reader.close()
        context.close()
    return event


def _parked_counts(context: LaneContext, reader: KafkaReader, partitions: list[int] | None = None) -> dict[str, int]:
    """Quarantined members and how many of their records are parked."""
    found: dict[str, int] = {}
    topic = context.topics.changelog
    for partition in range(context.partitions) if partitions is None else partitions:
        for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
            for _offset, _timestamp_ms, key, value in chunk:
                if key is None or value is None or not key.startswith(keys.MEMBER):
                    continue
                member = unpack_member(value)
                if member.quarantined:
                    found[member.member_id] = member.parked
                else:
                    found.pop(member.member_id, None)
    return found


def _news(context: LaneContext, reader: KafkaReader, members: set[str]) -> dict[str, tuple[str, str, int, str]]:
    """What the latest quarantine of each of `members` was about: event id, source, offset, error."""
    found: dict[str, tuple[str, str, int, str]] = {}
    topic = context.topics.derived
    for partition in range(context.partitions):
        for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
            for _offset, timestamp_ms, key, value in chunk:
                if key is None or value is None or key.decode("utf-8", "replace") not in members:
                    continue
                try:
                    event = context.decoder.decode(value, timestamp_ms)
                except Undecodable:
                    continue  # not one of ours, so not the news looked for
                if isinstance(event, Event) and isinstance(event.payload, MemberQuarantined):
                    news = event.payload
                    found[event.member_id] = (
                        news.quarantined_event_id, news.quarantined_source, news.quarantined_offset, news.error,
                    )  # fmt: skip
    return found
