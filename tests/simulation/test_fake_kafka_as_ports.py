"""The fake broker does what the suite asks of Kafka; else the simulation would prove nothing."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeTransaction
from lane_ports_suite import PARTITION, PortsSuite, messages, opened, values

from pipeline.lane.ports import LaneFailed, Reader, Transaction


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

    def test_a_commit_under_way_lands_unless_its_owner_is_shut_out_first(self, world: FakePorts) -> None:
        """What an answer that does not come may mean, for better or worse."""
        for value in ("lands", "too late"):
            sender = FakeTransaction(world.broker, "t", PARTITION, answer_lost)
            sender.fence()
            sender.begin()
            sender.send(world.out, messages(value))
            with pytest.raises(LaneFailed):
                sender.commit()
            if value == "too late":
                opened(world)
            world.broker.let_late_commits_arrive()

        assert values(world, world.out) == [b"lands"]

    def test_whoever_leaves_a_transaction_open_for_too_long_is_shut_out(self, world: FakePorts) -> None:
        slow = opened(world)
        slow.begin()
        slow.send(world.out, messages("lost"))

        assert world.broker.time_out("t")

        with pytest.raises(LaneFailed):
            slow.commit()
        assert values(world, world.out) == []
        assert not world.broker.time_out("t"), "there is nothing more to abort"

    def test_compaction_never_brings_an_overwritten_value_back(self, world: FakePorts) -> None:
        log = world.broker.log("state", PARTITION)
        log.append(b"k", b"old", 1)
        log.append(b"k", None, 2)

        log.compact(10, 5)
        assert values(world, "state") == [None]
        log.compact(14, 5)
        assert values(world, "state") == [None]
        log.compact(15, 5)

        assert values(world, "state") == []


def answer_lost(place: str) -> None:
    """The commit is on its way, and nothing is heard of it."""
    if place == "commit:on its way":
        raise LaneFailed("no answer")
