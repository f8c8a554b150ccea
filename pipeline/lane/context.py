"""What all lanes of a worker share: topics, codec, programs, appender; checked against the cluster when made."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline import clock
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import Tick
from pipeline.failpoints import armed
from pipeline.lane.appender import LogAppender
from pipeline.lane.cache_share import CacheShare
from pipeline.lane.commit import transactional_id
from pipeline.lane.failing import append_with_failpoints
from pipeline.lane.kafka import new_admin, new_consumer, partition_counts, topic_config
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.outputs import OutputTopics
from pipeline.lane.ports import LaneFailed
from pipeline.lane.programs import TopicPrograms
from pipeline.lane.shared_reader import SharedReader
from pipeline.lane.store_options import bound_memory
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.registry import Registry
from pipeline.wire.topics import TOPICS_FILE, Topics

PROGRAMS: Final = "programs"
REQUEST_SECONDS: Final = 15.0
TICK_MODE: Final = "live"


class TopicsUnfit(Exception):
    """The cluster's topics are not what the lanes need; the message names topic, partitions and remedy."""


@final
class LaneContext:
    """Shared by the threads of a worker. `partitions` is the number that the log and every topic of a lane have.

    `turn` is held by the lane that decides: the interpreter runs one thread at a time anyway, and a lane that is
    interrupted every few milliseconds finds what it was working on gone from the processor's caches.
    """

    def __init__(
        self, settings: Settings, topics: Topics, partitions: int, origin: bytes, tombstones_kept_ms: int
    ) -> None:
        self.settings = settings
        self.topics = OutputTopics(topics.name)
        self._topic_name = topics.name
        self.partitions = partitions
        self.origin = origin
        self.tombstones_kept_ms = tombstones_kept_ms
        self.horizons = Horizons()
        self.cache = CacheShare(settings.cached_members)
        self.turn = threading.Lock()
        bound_memory(settings.store_cache_mb, settings.store_buffers_mb)
        self.admin = new_admin(settings)
        registry = Registry(settings.need("registry_url"), settings.registry)
        self.decoder = Decoder(registry)
        self.encoder = Encoder(registry.schema_ids(topics))
        self.program_reader = SharedReader(KafkaReader(settings))
        self.programs = TopicPrograms(self.program_reader, topics.name(PROGRAMS))
        clock.shift_by(settings.clock_file)
        self.failpoints = armed(settings.failpoints)
        self.appender = LogAppender(settings, self.topics.source)
        self.append = append_with_failpoints(self.appender.append, self.failpoints)
        self.live_tick = self.encoder.tick(Tick(TICK_MODE))

    def topic(self, name: str) -> str:
        """The name on the cluster of a topic of topics.yaml."""
        return self._topic_name(name)

    def store_folder(self, partition: int) -> Path:
        """Where the RocksDB store of a partition's lane is."""
        return self.settings.data_dir / self.settings.app_id / self.topics.source / str(partition)

    def transactional_id(self, partition: int) -> str:
        """Of the lane of a partition of the log."""
        return transactional_id(self.settings.app_id, self.topics.source, partition)

    def close(self) -> None:
        self.programs.close()
        self.appender.close()


def connect(settings: Settings) -> LaneContext:
    """Look at cluster and registry and make the context.

    Raises TopicsUnfit, NotRegistered (schemas), RegistryUnavailable, or KafkaException when the brokers do not answer.
    """
    topics = Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)
    admin = new_admin(settings)
    lane_topics = OutputTopics(topics.name)
    partitions = check_partitions(partition_counts(admin, REQUEST_SECONDS), lane_topics, topics.name(PROGRAMS))
    origin = origin_of(admin, (lane_topics.source, lane_topics.changelog, lane_topics.ids))
    kept_ms = int(topic_config(admin, lane_topics.changelog, REQUEST_SECONDS)["delete.retention.ms"])
    return LaneContext(settings, topics, partitions, origin, kept_ms)


def check_partitions(counts: dict[str, int], topics: OutputTopics, programs: str) -> int:
    """The log's number of partitions, which all topics of a lane must have. Raises TopicsUnfit."""
    missing = [name for name in (*topics.all(), programs) if name not in counts]
    if missing:
        raise TopicsUnfit(f"the cluster lacks {', '.join(missing)}: run `accrue topics apply`")
    expected = counts[topics.source]
    for name in topics.all():
        if counts[name] != expected:
            raise TopicsUnfit(
                f"{name} has {counts[name]} partitions and {topics.source} has {expected}: a lane writes to the "
                "partition with its own number, so they must be equal; create the topic anew with `accrue topics apply`"
            )
    return expected


def origin_of(admin: AdminClient, topics: Sequence[str]) -> bytes:
    """Names the cluster and these very topics: one that is created anew under its old name has another id."""
    cluster = admin.describe_cluster(request_timeout=REQUEST_SECONDS).result(REQUEST_SECONDS)
    described = admin.describe_topics(TopicCollection(list(topics)), request_timeout=REQUEST_SECONDS)
    ids = [str(described[name].result(REQUEST_SECONDS).topic_id) for name in topics]
    return "/".join((cluster.cluster_id, *ids)).encode()


@final
class GroupPositions:
    """The offsets that a consumer group has committed. Any thread; to be closed.

    Asked through a consumer that never joins: an admin client whose request runs out of time while the broker comes
    back was seen to abort the process.
    """

    def __init__(self, settings: Settings, group: str) -> None:
        self._settings = settings
        self._group = group
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None

    def committed(self, topic: str, partition: int) -> int | None:
        """None where the group committed nothing. Raises LaneFailed."""
        place = TopicPartition(topic, partition)
        with self._lock:
            if self._consumer is None:
                self._consumer = new_consumer(self._settings, self._group, {"client.id": f"{self._group}-positions"})
            try:
                found = self._consumer.committed([place], timeout=REQUEST_SECONDS)[0]
            except KafkaException as error:
                self._consumer.close()
                self._consumer = None
                raise self._unknown(place, error) from error
        if found.error is not None:
            raise self._unknown(place, found.error)
        return found.offset if found.offset >= 0 else None

    def close(self) -> None:
        """It opens again by itself when it is asked again."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _unknown(self, place: TopicPartition, why: object) -> LaneFailed:
        return LaneFailed(f"what {self._group} committed of {place.topic}/{place.partition} is not to be had: {why}")
