"""Reads the decisions that the lanes have recorded."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from pipeline.core.records import RewardDecision
from pipeline.history.connection import Connection
from pipeline.lane.kafka import new_admin, partition_counts
from pipeline.lane.kafka_reader import KafkaReader

DECISIONS: Final = "reward-decisions"


def recorded_decisions(connection: Connection) -> Iterator[RewardDecision]:
    """Every committed decision up to now, partition by partition, so each member's in their order.

    Raises LaneFailed while Kafka does not answer, RegistryUnavailable, and Undecodable for what is no decision.
    """
    topic = connection.topics.name(DECISIONS)
    with closing(KafkaReader(connection.settings)) as reader:
        for partition in range(partition_counts(new_admin(connection.settings)).get(topic, 0)):
            for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
                for _offset, _timestamp_ms, _key, value in chunk:
                    output = None if value is None else connection.decoder.output(value)
                    if isinstance(output, RewardDecision):
                        yield output
