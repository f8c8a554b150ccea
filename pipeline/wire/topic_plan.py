"""What a cluster's topics lack of `topics.yaml`, and bringing it about: create, change a setting, add partitions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from pipeline.wire.topics import LOG, Topics

CREATE: Final = "create"
PARTITIONS: Final = "partitions"
RELAXED_BY_IMPORT: Final = "message.timestamp.before.max.ms"
TIMEOUT_S: Final = 30.0

KEEP_COUNT: Final = (
    "a member's partition is the hash of the member id modulo this count: with another, members' records would part "
    "from their history, order and state. Set log_partitions in topics.yaml to what is there, or copy the log anew"
)
KEEP_MORE: Final = (
    "Kafka cannot take partitions away: set what is there in topics.yaml, or delete the topic and apply again"
)
HELD: Final = (
    "an import relaxes it while it runs: if none is running, `accrue topics apply --after-import` puts it back"
)


class TopicsRefused(Exception):
    """The plan holds changes that must not be made; the message names each and why."""


class TopicsNotReady(Exception):
    """The changes were made, but the cluster does not show them in time."""


@dataclass(frozen=True)
class Actual:
    """A topic as the cluster has it: number of partitions, and every setting with the value in effect."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One difference between a topic and what it should be.

    `what` is create, partitions or the name of a setting; `before` is empty for a topic that is missing. `refused` says
    why it must not be made, `held` why it is only made when asked for; both are empty for a change that `apply` makes.
    """

    topic: str
    what: str
    before: str
    after: str
    refused: str = ""
    held: str = ""


def plan(topics: Topics, actual: Mapping[str, Actual], after_import: bool = False) -> list[Change]:
    """The differences, in the order of `topics.yaml`. `actual` is keyed by full name; missing topics are not in it.

    `after_import` says that no import is running, so that what one has relaxed is put back.
    """
    changes: list[Change] = []
    for topic in topics:
        there = actual.get(topic.full_name)
        if there is None:
            changes.append(Change(topic.full_name, CREATE, "", f"{topic.partitions} partitions"))
            continue
        if there.partitions != topic.partitions:
            refused = KEEP_COUNT if topic.follows_log else KEEP_MORE if there.partitions > topic.partitions else ""
            count, wanted = str(there.partitions), str(topic.partitions)
            changes.append(Change(topic.full_name, PARTITIONS, count, wanted, refused))
        for name, value in topic.config.items():
            found = there.config.get(name, "")
            if found != value:
                relaxed = (
                    topic.name == LOG and name == RELAXED_BY_IMPORT and found.isdigit() and int(found) > int(value)
                )
                held = HELD if relaxed and not after_import else ""
                changes.append(Change(topic.full_name, name, found, value, held=held))
    return changes


def read(admin: AdminClient, topics: Topics) -> dict[str, Actual]:
    """Those of the topics that the cluster has, by full name. Raises KafkaException."""
    there = admin.list_topics(timeout=TIMEOUT_S).topics
    names = [topic.full_name for topic in topics if topic.full_name in there]
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=TIMEOUT_S)
    config = {
        resource.name: {name: str(entry.value) for name, entry in future.result().items()}
        for resource, future in answers.items()
    }
    return {name: Actual(len(there[name].partitions), config[name]) for name in names}


def apply(admin: AdminClient, topics: Topics, changes: Sequence[Change]) -> list[Change]:
    """Make the changes that are neither refused nor held, and return them once the cluster shows them.

    Makes none if any is refused. Raises TopicsRefused, TopicsNotReady or KafkaException.
    """
    refused = [f"{c.topic}: {c.what} {c.before} -> {c.after}: {c.refused}" for c in changes if c.refused]
    if refused:
        raise TopicsRefused("; ".join(["nothing was changed", *refused]))
    to_make = [change for change in changes if not change.held]
    if not to_make:
        return []
    by_name = {topic.full_name: topic for topic in topics}
    new = [
        NewTopic(c.topic, by_name[c.topic].partitions, replication_factor=-1, config=dict(by_name[c.topic].config))
        for c in to_make
        if c.what == CREATE
    ]
    if new:
        for future in admin.create_topics(new, operation_timeout=TIMEOUT_S).values():
            _result_unless_there(future)
    more = [NewPartitions(c.topic, int(c.after)) for c in to_make if c.what == PARTITIONS]
    if more:
        for future in admin.create_partitions(more, operation_timeout=TIMEOUT_S).values():
            future.result()
    settings: dict[str, dict[str, str]] = {}
    for change in to_make:
        if change.what not in (CREATE, PARTITIONS):
            settings.setdefault(change.topic, {})[change.what] = change.after
    for name, config in settings.items():
        set_config(admin, name, config)
    _wait_until_shown(admin, topics, to_make)
    return to_make


def set_config(admin: AdminClient, full_name: str, config: Mapping[str, str]) -> None:
    """Change settings of a topic, leaving the others as they are. Raises KafkaException."""
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, full_name, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource], request_timeout=TIMEOUT_S).values():
        future.result()


def _result_unless_there(future: Future[None]) -> None:
    """Another `apply` may have created the topic in the meantime; whether it is as it should be is seen afterwards."""
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _wait_until_shown(admin: AdminClient, topics: Topics, made: Sequence[Change]) -> None:
    """Brokers learn of a change a moment after it was made; created topics then have leaders too."""
    deadline_s = time.monotonic() + TIMEOUT_S
    touched = {change.topic for change in made}
    while True:
        there = admin.list_topics(timeout=TIMEOUT_S).topics
        waiting = [name for name in touched if name not in there or not _has_leaders(there[name])]
        if not waiting:
            left = plan(topics, read(admin, topics), after_import=True)
            kept = {(change.topic, change.what) for change in made}
            waiting = [f"{c.topic} {c.what}" for c in left if c.topic in touched and (c.topic, c.what) in kept]
        if not waiting:
            return
        if time.monotonic() > deadline_s:
            raise TopicsNotReady(f"after {TIMEOUT_S:.0f} s the cluster does not show {', '.join(waiting)}: try again")
        time.sleep(0.05)


def _has_leaders(topic: TopicMetadata) -> bool:
    return all(partition.leader >= 0 for partition in topic.partitions.values())
