"""Setting a broken lane to another position: what is lost or cannot be decided is given up, knowingly.

The exactly-once lane's position is its marker, so a new marker is committed to its changelog, under its transactional
id: whoever holds the lane is shut out first. A relaying lane's position is its group's offset: the worker that holds it
is told, and only where none does is the offset set from here.
"""

from __future__ import annotations

from typing import Final

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from pipeline.lane import keys
from pipeline.lane.commit import transactional_id
from pipeline.lane.context import REQUEST_SECONDS, GroupPositions, LaneContext
from pipeline.lane.kafka import group_of
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.ports import Reader
from pipeline.lane.worker_records import resume_lane

WINDOWS: Final = (1_000, 100_000, 2**62)
"""How far back from its end the changelog is searched for the last marker; markers of transactions stand there too."""
REWARDS: Final = "rewards"
TABLES: Final = {
    "pool-requests": ("pools", "pool-changelog"),
    "fulfillment-attempts": ("partners", "fulfillment-changelog"),
    "notifications": ("notifications", "notification-changelog"),
    "partner-events": ("intake", "intake-changelog"),
}
"""Source topics of lanes over a table: the agent whose lanes they are, and the changelog that has their position."""
START: Final = "start"
END: Final = "end"
PUBLISHED: Final = "published"
NAMED: Final = (START, END, PUBLISHED)


class ResetRefused(Exception):
    """The lane is not set to another position; the message says why and what to do instead."""


class Reset(msgspec.Struct, frozen=True):
    """What was done: the lane stood at `before` (-1: not readable) and goes on at `after`."""

    topic: str
    partition: int
    before: int
    after: int


class Place(msgspec.Struct, frozen=True):
    """How a lane stands in its log. `position` and `marker` are None where nothing readable is on record."""

    start: int
    end: int
    position: int | None
    marker: keys.Marker | None
    ids_end: int

    @property
    def sound(self) -> bool:
        """Whether a lane would open here."""
        if self.position is None or not self.start <= self.position <= self.end:
            return False
        return self.marker is None or self.marker.ids_end <= self.ids_end


def agent_of(context: LaneContext, topic: str) -> str:
    """Whose lanes those of a topic are. Raises ResetRefused for a topic that has none."""
    topics = context.topics
    agents = {topics.source: REWARDS, topics.derived: "relay", topics.commands: "fulfilment"}
    agents |= {context.topic(name): agent for name, (agent, _changelog) in TABLES.items()}
    if topic not in agents:
        raise ResetRefused(f"{topic} has no lanes: topics with lanes are {', '.join(agents)}")
    return agents[topic]


def changelog_of(context: LaneContext, topic: str) -> str:
    """The changelog that has the position of a topic's lanes, empty for relaying lanes. Raises ResetRefused."""
    changelogs = {agent: context.topic(changelog) for agent, changelog in TABLES.values()}
    return (changelogs | {REWARDS: context.topics.changelog}).get(agent_of(context, topic), "")


def check_partition(context: LaneContext, topic: str, partition: int) -> None:
    """Raises ResetRefused."""
    if not 0 <= partition < context.partitions:
        raise ResetRefused(f"{topic} has no partition {partition}: there are 0 to {context.partitions - 1}")


def reset_lane(
    context: LaneContext, topic: str, partition: int, to: str, *, accept_lost_ids: bool, broken_here: bool, force: bool
) -> Reset:
    """Set a lane to `to`: start, end, published (the group's offset), a number, or empty for where it stands.

    `broken_here` says that a worker of this data folder holds it broken; that one is not resumed by this, but for a
    relaying lane, whose reset is its resumption. Raises ResetRefused, LaneFailed (Kafka is away), WorkerRefused.
    """
    agent, changelog = agent_of(context, topic), changelog_of(context, topic)
    check_partition(context, topic, partition)
    reader = KafkaReader(context.settings)
    try:
        place = _place(context, reader, agent, topic, partition)
        if place.sound and not broken_here and not force:
            raise ResetRefused(
                f"{topic}/{partition} is at {place.position} of {place.start} to {place.end} and no worker of "
                f"{context.settings.data_dir} holds it broken: a reset would leave records out or repeat them; "
                "--force does it all the same"
            )
        after = _target(context, agent, topic, partition, to, place)
        if agent == REWARDS:
            _write_marker(context, reader, partition, after, accept_lost_ids=accept_lost_ids)
        elif accept_lost_ids:
            raise ResetRefused(f"{topic} has no changelog of ids: leave out --accept-lost-ids")
        elif changelog:
            _write_plain_marker(context, topic, changelog, partition, after)
        elif broken_here:
            resume_lane(context.settings, topic, partition, after)
        else:
            _commit_offset(context, agent, topic, partition, after)
    finally:
        reader.close()
    return Reset(topic, partition, -1 if place.position is None else place.position, after)


def _place(context: LaneContext, reader: Reader, agent: str, topic: str, partition: int) -> Place:
    start, end = reader.bounds(topic, partition)
    changelog = changelog_of(context, topic)
    if not changelog:
        committed = _published(context, agent, topic, partition)
        return Place(start, end, start if committed is None else committed, None, 0)
    packed = _last_marker(reader, changelog, partition)
    if agent != REWARDS:
        marker = keys.Marker(0, 0, 0, 0) if packed is None else _readable(packed)
        return Place(start, end, None if marker is None else marker.position, marker, 0)
    _, ids_end = reader.bounds(context.topics.ids, partition)
    if packed is None:
        return Place(start, end, 0, None, ids_end)
    marker = _readable(packed)
    return Place(start, end, None if marker is None else marker.position, marker, ids_end)


def _target(context: LaneContext, agent: str, topic: str, partition: int, to: str, place: Place) -> int:
    """The offset that `to` names, which the log must hold."""
    found: int | None
    if to == START:
        found = place.start
    elif to == END:
        found = place.end
    elif to == PUBLISHED:
        found = _published(context, agent, topic, partition)
    else:
        found = int(to) if to else place.position
    if found is None:
        raise ResetRefused(f"the position of {topic}/{partition} is not on record: say where it shall go on with --to")
    if not place.start <= found <= place.end:
        raise ResetRefused(
            f"{topic}/{partition} holds offsets {place.start} to {place.end}, not {found}: give --to another one"
        )
    return found


def _published(context: LaneContext, agent: str, topic: str, partition: int) -> int | None:
    positions = GroupPositions(context.settings, group_of(context.settings, agent))
    try:
        return positions.committed(topic, partition)
    finally:
        positions.close()


def _write_marker(
    context: LaneContext, reader: Reader, partition: int, position: int, *, accept_lost_ids: bool
) -> None:
    """Shut out whoever holds the lane, then commit the marker that its next opening will find."""
    transaction = KafkaTransaction(context.settings, context.transactional_id(partition), partition)
    try:
        transaction.fence()
        _, ids_end = reader.bounds(context.topics.ids, partition)
        marker = _readable(_last_marker(reader, context.topics.changelog, partition) or b"")
        if marker is None:
            marker = keys.Marker(position, 0, 0, ids_end)
        if marker.ids_end > ids_end and not accept_lost_ids:
            raise ResetRefused(
                f"decided ids from {ids_end} to {marker.ids_end} are lost too: restore the topic, or add "
                "--accept-lost-ids, so that a repeated event may count twice"
            )
        ends = min(marker.ids_end, ids_end)
        changed = keys.Marker(position, marker.log_time_ms, marker.last_tick_ms, ends)
        transaction.begin()
        transaction.send(context.topics.changelog, [{"key": keys.MARKER, "value": changed.pack()}], tracked=True)
        transaction.commit()
    finally:
        transaction.close()


def _write_plain_marker(context: LaneContext, topic: str, changelog: str, partition: int, position: int) -> None:
    """As `_write_marker`, for a lane over a table, which remembers no ids and no ticks."""
    own_id = transactional_id(context.settings.app_id, topic, partition)
    transaction = KafkaTransaction(context.settings, own_id, partition)
    try:
        transaction.fence()
        transaction.begin()
        marker = keys.Marker(position, 0, 0, 0).pack()
        transaction.send(changelog, [{"key": keys.MARKER, "value": marker}], tracked=True)
        transaction.commit()
    finally:
        transaction.close()


def _last_marker(reader: Reader, topic: str, partition: int) -> bytes | None:
    """The last marker of a lane's changelog, packed; None if there is none."""
    start, end = reader.bounds(topic, partition)
    for window in WINDOWS:
        first = max(start, end - window)
        found: bytes | None = None
        for chunk in reader.read(topic, partition, first, end):
            for _offset, _timestamp_ms, key, value in chunk:
                if key == keys.MARKER:
                    found = value
        if found is not None or first == start:
            return found
    return None


def _readable(packed: bytes) -> keys.Marker | None:
    try:
        return keys.Marker.unpack(packed)
    except ValueError:
        return None


def _commit_offset(context: LaneContext, agent: str, topic: str, partition: int, offset: int) -> None:
    """Set the group's offset; the broker refuses while workers are in the group, since it is theirs then."""
    group = group_of(context.settings, agent)
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
    try:
        context.admin.alter_consumer_group_offsets([wanted], request_timeout=REQUEST_SECONDS)[group].result(
            REQUEST_SECONDS
        )
    except KafkaException as error:
        raise ResetRefused(
            f"the offset of {group} in {topic}/{partition} was not set: {error}; workers elsewhere are in the group: "
            "give the command where the lane is broken, with that worker's ACCRUE_DATA_DIR, or end them first"
        ) from error
