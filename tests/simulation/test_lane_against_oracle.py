"""The lane under a seeded simulator: crashes between any two effects, fencing, unknown commits, what was lost.

The oracle is the core's own simulation of the log. A failing seed is in the test's name: run that test to replay it.
"""

from __future__ import annotations

import os

import pytest
from fake_kafka import FakeReader, FakeTransaction
from fake_store import FakeStore
from seeded_log import DECODER
from world import TOPICS, World

from pipeline.core.memory import Dead, Derived, Duplicate, Output, Parked
from pipeline.core.records import DeadLetter, FulfillmentCommand, LedgerEntry, MemberBalance, RewardDecision, TierChange
from pipeline.lane import keys
from pipeline.lane.changelog import Changelog
from pipeline.lane.quarantined import Quarantined
from pipeline.wire.state import pack_member

SEEDS = int(os.environ.get("ACCRUE_SIMULATION_SEEDS", "300"))
FIRST = int(os.environ.get("ACCRUE_SIMULATION_FIRST_SEED", "0"))


def journal(world: World, kind: type) -> list[Output]:
    return [output for output in world.source.oracle.journal(0) if isinstance(output, kind)]


def written(world: World, topic: str) -> list[object]:
    log = world.broker.log(topic, world.partition)
    return [DECODER.output(value or b"") for _, _, _, value in log.read(0, log.end())]


def check_outputs(world: World) -> None:
    for topic, kind in (
        (TOPICS.entries, LedgerEntry),
        (TOPICS.decisions, RewardDecision),
        (TOPICS.tier_changes, TierChange),
        (TOPICS.commands, FulfillmentCommand),
    ):
        assert written(world, topic) == journal(world, kind), topic
    letters = [
        (letter.reason, letter.event_id)
        for letter in written(world, TOPICS.dead_letters)
        if isinstance(letter, DeadLetter)
    ]
    assert letters == [(dead.reason, dead.event_id) for dead in journal(world, Dead) if isinstance(dead, Dead)]
    log = world.broker.log(TOPICS.derived, world.partition)
    derived = [DECODER.decode(value or b"", 0) for _, _, _, value in log.read(0, log.end())]
    expected = [one.event for one in journal(world, Derived) if isinstance(one, Derived)]
    for event in expected:
        event.recorded_at_ms = 0
    assert derived == expected


def check_state(world: World, drained_by: int) -> None:
    """What a new owner restores is the oracle's state; the store of the one that drained has the same."""
    members = {keys.member_key(name): pack_member(m) for name, m in world.source.oracle.state(0).members.items()}
    restored: dict[bytes, bytes] = {}
    changelog = Changelog(TOPICS.changelog, TOPICS.ids, world.partition, b"origin", 10**15)
    FakeTransaction(world.broker, "lane", world.partition).fence()
    changelog.restore(
        FakeReader(world.broker), FakeStore(restored), world.clock.now_ms(), lambda _records, _to_go: None
    )
    assert {key: value for key, value in restored.items() if key.startswith(keys.MEMBER)} == members
    assert keys.Marker.unpack(restored[keys.MARKER]).position <= world.source.log.end()
    store = world.stores[drained_by]
    quarantined = {name: m.parked for name, m in world.source.oracle.state(0).members.items() if m.quarantined}
    on_record = [Quarantined.unpack(value) for key, value in restored.items() if key.startswith(keys.QUARANTINED)]
    assert {one.member_id: one.parked for one in on_record} == quarantined
    assert all("DecisionDefect" in one.error for one in on_record)
    for prefix in (keys.MEMBER, keys.ORDER, keys.PARKED, keys.QUARANTINED, keys.ACTIVATIONS, keys.MARKER, keys.SEEN):
        kept = {key: value for key, value in store.items() if key.startswith(prefix)}
        assert kept == {key: value for key, value in restored.items() if key.startswith(prefix)}, prefix
    for name, member in world.source.oracle.state(0).members.items():
        if member.next_due_ms:
            assert keys.due_key(member.next_due_ms, name) in store
            assert keys.due_key(member.next_due_ms, name) in restored


def check_balances(world: World) -> None:
    latest = {b.member_id: b for b in written(world, TOPICS.balances) if isinstance(b, MemberBalance)}
    for name, member in world.source.oracle.state(0).members.items():
        balance = latest[name]
        assert (balance.version, balance.seq, balance.tier, balance.quarantined) == (
            member.version, member.seq, member.tier, member.quarantined,
        )  # fmt: skip
        assert {w.unit: (w.available, w.pending, w.held, w.debt) for w in balance.wallets} == {
            unit: (w.available, w.pending, w.held, w.debt) for unit, w in member.wallets.items()
        }


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_outputs_and_state_equal_the_oracle_whatever_fails(seed: int) -> None:
    world = World(seed, seed % 3)

    world.run(120)
    world.drain(seed % 2)

    check_outputs(world)
    check_state(world, seed % 2)
    check_balances(world)


def test_the_seeds_meet_what_they_are_for() -> None:
    """If the simulation stopped provoking something, the proof above would be empty without anyone noticing."""
    worlds = [World(seed, seed % 3) for seed in range(25)]
    for world in worlds:
        world.run(120)
        world.drain(0)

    assert sum(world.crashes for world in worlds) > 100
    assert sum(world.failures for world in worlds) > 50
    assert sum(world.observer.waits for world in worlds) > 5
    assert any(restored.wiped for world in worlds for restored in world.observer.openings)
    for kind in (LedgerEntry, RewardDecision, TierChange, FulfillmentCommand, Dead, Derived, Duplicate, Parked):
        assert any(journal(world, kind) for world in worlds), kind
    reasons = {dead.reason for world in worlds for dead in journal(world, Dead) if isinstance(dead, Dead)}
    assert {"conflict", "wrong_partition", "undecodable", "not_avro", "unknown_schema", "occurred_in_future"} <= reasons
