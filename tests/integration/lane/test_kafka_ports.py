"""The Kafka adapters of the lane's ports, held to the suite that the fake broker is held to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from lane_ports_suite import PARTITION, PortsSuite
from lane_world import wait_until

from pipeline.devstack import Settings as Servers
from pipeline.lane.kafka import new_producer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.ports import LaneFailed, Reader, Transaction
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka


class KafkaPorts:
    """The suite's world on a real broker."""

    def __init__(self, settings: Settings, prefix: str) -> None:
        self.settings = settings
        self.out = f"{prefix}-out"
        self.state = f"{prefix}-state"
        self._prefix = prefix
        admin = AdminClient(settings.kafka_config())
        topics = [NewTopic(name, PARTITION + 1, 1) for name in (self.out, self.state)]
        for made in admin.create_topics(topics).values():
            made.result(30)
        self._readers: list[KafkaReader] = []
        wait_until(self._led, "a leader for every partition")

    def _led(self) -> bool:
        try:
            self.reader().bounds(self.out, PARTITION)
            self.reader().bounds(self.state, PARTITION)
        except LaneFailed:
            return False
        return True

    def reader(self) -> Reader:
        reader = KafkaReader(self.settings)
        self._readers.append(reader)
        return reader

    def transaction(self, transactional_id: str) -> Transaction:
        return KafkaTransaction(self.settings, f"{self._prefix}-{transactional_id}", PARTITION)

    def append(self, topic: str, key: bytes, value: bytes) -> None:
        producer = new_producer(self.settings)
        producer.produce(topic, value, key, PARTITION)
        assert producer.flush(30) == 0

    def close(self) -> None:
        for reader in self._readers:
            reader.close()


class TestKafka(PortsSuite):
    @pytest.fixture
    def world(self, settings: Servers, prefix: str) -> Iterator[KafkaPorts]:
        world = KafkaPorts(Settings(bootstrap_servers=settings.bootstrap_servers, app_id=prefix), prefix)
        yield world
        world.close()
