"""The fake broker does what the suite asks of Kafka; else the simulation would prove nothing."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeTransaction
from lane_ports_suite import PARTITION, PortsSuite

from pipeline.lane.ports import Reader, Transaction


class FakePorts:
    """The suite's world in memory."""

    out = "out"
    state = "state"

    def __init__(self) -> None:
        self.broker = FakeBroker()

    def reader(self) -> Reader:
        return FakeReader(self.broker)

    def transaction(self, transactional_id: str) -> Transaction:
        return FakeTransaction(self.broker, transactional_id, PARTITION)

    def append(self, topic: str, key: bytes, value: bytes) -> None:
        self.broker.log(topic, PARTITION).append(key, value, 1)


class TestFakeKafka(PortsSuite):
    @pytest.fixture
    def world(self) -> FakePorts:
        return FakePorts()
