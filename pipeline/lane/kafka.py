"""How Kafka clients are configured: every consumer, producer and admin client of the pipeline is built here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from pipeline.settings import Settings

MESSAGE_BYTES_MAX: Final = 2_097_152
"""Largest record that is sent: as large as the topics of dead letters, programs and ids take (topics.yaml)."""
TRANSACTION_TIMEOUT_MS: Final = 30_000
"""A dead writer's open transaction holds up readers of its output partitions for no longer than this."""
SESSION_TIMEOUT_MS: Final = 6_000
"""A worker that is silent for so long has lost its partitions; with the heartbeat, the one thing of a group to set."""
HEARTBEAT_MS: Final = 500
"""By heartbeat a member learns of a rebalance, twice where partitions move: half of what they stand still for."""
CONSUMER_ONLY: Final = (
    "group.",
    "session.",
    "fetch.",
    "queued.",
    "isolation.",
    "heartbeat.",
    "max.poll.",
    "check.crcs",
)

QUIET_SECONDS: Final = 10.0
"""A client without its broker tries again many times a second; it says so once in that time."""

log = logging.getLogger("accrue.kafka")


class _Sparing(logging.Filter):
    """Lets one line through of those that the same thread of a client repeats about the same."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        about = record.getMessage().split("]:", 1)[0]
        now = time.monotonic()
        if now - self._said_at.get(about, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        if len(self._said_at) > 1_000:
            self._said_at.clear()
        self._said_at[about] = now
        return True


log.addFilter(_Sparing())


def _common(settings: Settings, client_id: str) -> dict[str, Any]:
    return {
        "client.id": client_id,
        "reconnect.backoff.max.ms": 1000,  # a restarted broker is found within a second
        "error_cb": _log_error,
        "logger": log,
        "log.connection.close": False,
        **settings.kafka_config(),
    }


def _log_error(error: KafkaError) -> None:
    """What librdkafka goes on working at by itself, and logs itself; whoever waits for it gets it from its own call."""
    log.debug("kafka client: %s", error)


def _without(config: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not key.startswith(prefixes)}


def consumer_config(settings: Settings, group: str, client_id: str = "accrue") -> dict[str, Any]:
    """Read committed records only, fetch far ahead, commit nothing by itself.

    An offset that is not in the log is an error, never a silent reset to the beginning.
    """
    return {
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "fetch.queue.backoff.ms": 2,  # the default of a second leaves a fast reader waiting
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 32_768,
        **_common(settings, client_id),
    }


def group_of(settings: Settings, agent: str) -> str:
    """The consumer group of an agent: one each, so that every agent's partitions are balanced by themselves."""
    return f"{settings.app_id}-{agent}"


def group_consumer_config(settings: Settings, agent: str) -> dict[str, Any]:
    """A member of an agent's group: classic protocol, cooperative, so that kept partitions hardly pause.

    Members are dynamic: a static one that dies half-way through a cooperative rebalance comes back without setting off
    the other half, and the partitions given up for it stay nobody's.
    """
    group = group_of(settings, agent)
    return {
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS,
        **consumer_config(settings, group, group),
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "fetch.wait.max.ms": 50,  # a partition that is resumed waits until the fetch under way has been answered
    }


def new_consumer(settings: Settings, group: str, overrides: Mapping[str, Any] | None = None) -> Consumer:
    """A consumer of committed records; it is told what to read, and joins no group unless it subscribes."""
    return Consumer({**consumer_config(settings, group), **(overrides or {})})


def producer_config(settings: Settings, client_id: str = "accrue") -> dict[str, Any]:
    """Idempotent and acknowledged by all in-sync replicas; keys go where the Java clients put them."""
    common = _without(_common(settings, client_id), CONSUMER_ONLY)
    return {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "queue.buffering.max.messages": 2_000_000,
        "queue.buffering.max.kbytes": 1_048_576,
        **common,
    }


def new_producer(settings: Settings, overrides: Mapping[str, Any] | None = None) -> Producer:
    """An idempotent producer."""
    return Producer({**producer_config(settings), **(overrides or {})})


def new_transactional_producer(settings: Settings, transactional_id: str) -> Producer:
    """A producer that sends in transactions under `transactional_id`, shutting out its predecessor when initialised."""
    return new_producer(
        settings,
        {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "client.id": transactional_id,
        },
    )


def new_admin(settings: Settings) -> AdminClient:
    """A client for topics, configurations and group offsets."""
    return AdminClient(_without(_common(settings, "accrue-admin"), CONSUMER_ONLY))


def topic_config(admin: AdminClient, topic: str, timeout_s: float = 10.0) -> dict[str, str]:
    """The settings in force of a topic, by name. Raises KafkaException."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource], request_timeout=timeout_s)[resource].result(timeout_s)
    return {name: entry.value for name, entry in entries.items()}


def partition_counts(admin: AdminClient, timeout_s: float = 10.0) -> dict[str, int]:
    """The number of partitions of every topic of the cluster. Raises KafkaException."""
    return {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=timeout_s).topics.items()}


Delivery = Callable[[KafkaError | None, Any], None]
"""What librdkafka calls when a record was acknowledged or given up: (error, message)."""
