"""What was decided is explained and summed up from real topics."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from program_world import SHOP, World

from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled, Payload, ProgramActivated, TransactionCompleted
from pipeline.core.simulate import Simulation
from pipeline.history.explain_sources import explain_in_kafka
from pipeline.history.what_if import OneProgram
from pipeline.program import compile_bundle, load_program
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topics import LOG

pytestmark = pytest.mark.kafka


class Sender:
    """Appends members' events to the log, each to its member's partition."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.encoder = world.connection.encoder()
        self.producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers})
        self.now_ms = time.time_ns() // 1_000_000

    def event(self, member_id: str, event_id: str, payload: Payload, **attributes: str) -> Event:
        self.now_ms += 1_000
        event = Event(event_id, member_id, self.now_ms, "till", "", attributes, payload, self.now_ms)
        self.send(LOG, member_id, self.encoder.event(event), self.now_ms)
        return event

    def send(self, topic: str, member_id: str, value: bytes, at_ms: int) -> None:
        partition = partition_of(member_id.encode(), self.world.topics.partitions(topic))
        self.producer.produce(self.world.topics.name(topic), value, member_id, partition, timestamp=at_ms)

    def flush(self) -> None:
        assert self.producer.flush(60) == 0


@pytest.fixture
def sender(world: World) -> Iterator[Sender]:
    world.publisher().publish(load_program(SHOP), 0, "ann", "")
    yield Sender(world)


def bought(order_id: str, amount_minor: int) -> TransactionCompleted:
    return TransactionCompleted(order_id, amount_minor, "USD", "app", "", "US", [])


def test_an_event_is_explained_by_its_members_records_alone(world: World, sender: Sender) -> None:
    for member_id in ("ann", "bob", "cat"):
        sender.event(member_id, f"{member_id}-1", MemberEnrolled("US", "", ""))
    sender.event("ann", "ann-2", bought("o-1", 16_000))
    sender.event("bob", "bob-2", bought("o-1", 90_000))
    sender.event("ann", "ann-3", bought("o-2", 9_500))
    sender.event("ann", "ann-4", bought("o-3", 9_500))
    sender.flush()

    (found,) = explain_in_kafka(world.connection, partition_of(b"ann", world.topics.partitions(LOG)), "ann", "ann-3")

    rules = {rule.rule_id: rule for rule in found.rules}
    assert found.decision is not None
    given = {reward.rule_id: (reward.value, reward.desired, reward.limited_by) for reward in found.decision.rewards}
    assert given["big-basket"] == (20, 47, "limit:points/month")
    (limit,) = rules["big-basket"].limits
    assert (limit.most, limit.used) == (100, 80)
    assert [atom.sentence() for atom in rules["comeback"].atoms] == [
        "member.transactions >= 1: 1 >= 1 is true",
        "event.amount_minor >= 2000: 9500 >= 2000 is true",
    ]
    assert [atom.sentence() for atom in rules["loyal-thanks"].atoms if atom.decided] == [
        'member.tier in ["gold", "platinum"]: "silver" in ["gold", "platinum"] is false'
    ]
    assert {entry.rule_id for entry in found.entries} == {"purchase", "big-basket", "comeback"}


def test_the_sums_of_shadow_rules_are_read_from_the_recorded_decisions(world: World, sender: Sender) -> None:
    program = compile_bundle(load_program(SHOP))
    simulation = Simulation(OneProgram(program))
    simulation.take_everywhere(0, ProgramActivated(program.program_hash, 0, "ann", ""))
    day_ms, start_ms = 86_400_000, sender.now_ms - 100 * 86_400_000
    for number, member_id in enumerate(("ann", "bob", "ann")):
        at_ms = start_ms + number * day_ms
        enrolled = Event(
            f"e-{number}", member_id, at_ms - 40 * day_ms, "till", "", {}, MemberEnrolled("", "", ""), at_ms
        )
        event = Event(
            f"b-{number}", member_id, at_ms, "till", "", {"weekend": "yes"}, bought(f"o-{number}", 1_000), at_ms
        )
        simulation.take(0, 0, at_ms, enrolled)
        simulation.take(0, 0, at_ms, event)
    for decision in simulation.result().decisions:
        sender.send("reward-decisions", decision.member_id, sender.encoder.reward_decision(decision), sender.now_ms)
    sender.flush()

    told = world.run("shadow", "--json")
    later = world.run("shadow", "--since", "2999-01-01T00:00:00Z")

    assert told.exit_code == 0, told.output
    assert json.loads(told.output) == [
        {
            "rule_id": "weekend-double", "unit": "points", "events": 3, "awards": 3, "limited": 0, "members": 2,
            "wanted": 30, "points": 30,
        }
    ]  # fmt: skip
    assert later.output == "No shadow rule would have given anything.\n"
