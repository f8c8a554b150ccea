"""Checks a drained world against what must always hold; every violation starts with the invariant's name.

I1 entries sum to the balances. I2 one entry per event, rule and leg. I3 outputs and state equal the oracle's. I4 hash
chains verify. I5 nothing below zero on any prefix. I6 no gap in the members' numbers. I7 every input is decided,
refused, parked or a dead letter, once. I8 the house fulfils what was commanded, once. I9 it drains (`World.drain`).
P1 to P5: see `sim_pools`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from seeded_events import PARTITIONS
from seeded_log import DECODER
from sim_lanes import TOPICS
from sim_pools import pools_hold
from world import World

from pipeline.core.events import Event
from pipeline.core.house import HOUSE, HOUSE_SOURCE
from pipeline.core.ledger import SOURCE
from pipeline.core.memory import Dead, Derived
from pipeline.core.payloads import PoolAnswered
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    ReviewChange,
    RewardDecision,
    TierChange,
)
from pipeline.demo.audit import Faults, LedgerAudit
from pipeline.lane import keys
from pipeline.lane.quarantined import Quarantined
from pipeline.wire.codec import Undecodable
from pipeline.wire.state import pack_member

OUTPUTS = (
    (TOPICS.entries, LedgerEntry),
    (TOPICS.decisions, RewardDecision),
    (TOPICS.tier_changes, TierChange),
    (TOPICS.commands, FulfillmentCommand),
    (TOPICS.alerts, (FraudAlert, ReviewChange)),
)


class InvariantBroken(AssertionError):
    """One line for each violation."""


def check(world: World) -> None:
    """Raises InvariantBroken with all that is violated in a drained world."""
    violations = list(world.violations)
    balances: dict[str, MemberBalance] = {}
    audit = LedgerAudit()
    for partition in range(PARTITIONS):
        outputs = Outputs(world, partition)
        violations += against_oracle(world, partition, outputs)
        violations += accounted_for(world, partition, outputs)
        violations += fulfilled(world, partition, outputs)
        for entry in outputs.entries:
            audit.add(entry)
        balances.update((balance.member_id, balance) for balance in outputs.balances)
    violations += ledger(audit, balances)
    violations += relayed_once(world)
    violations += pools_hold(world)
    if violations:
        violations.sort()
        raise InvariantBroken(f"seed {world.seed}:\n" + "\n".join(violations))


class Outputs:
    """What readers of committed records find in one partition of the output topics."""

    def __init__(self, world: World, partition: int) -> None:
        def read(topic: str) -> list[object]:
            log = world.broker.log(topic, partition)
            return [DECODER.output(value or b"") for _, _, _, value in log.read(0, log.end())]

        self.by_topic = {topic: read(topic) for topic, _ in OUTPUTS}
        self.entries = [one for one in self.by_topic[TOPICS.entries] if isinstance(one, LedgerEntry)]
        self.decisions = [one for one in self.by_topic[TOPICS.decisions] if isinstance(one, RewardDecision)]
        self.commands = [one for one in self.by_topic[TOPICS.commands] if isinstance(one, FulfillmentCommand)]
        self.letters = [one for one in read(TOPICS.dead_letters) if isinstance(one, DeadLetter)]
        self.balances = [one for one in read(TOPICS.balances) if isinstance(one, MemberBalance)]
        self.derived = list(events_of(world, TOPICS.derived, partition))


def events_of(world: World, topic: str, partition: int) -> Iterator[tuple[int, Event]]:
    """(offset, event) of the committed records that are events."""
    log = world.broker.log(topic, partition)
    for offset, _, _, value in log.read(0, log.end()):
        try:
            item = DECODER.decode(value or b"", 0)
        except Undecodable:
            continue
        if isinstance(item, Event):
            yield offset, item


def against_oracle(world: World, partition: int, outputs: Outputs) -> Iterator[str]:
    """I3."""
    log = world.log
    for topic, kind in OUTPUTS:
        written, expected = outputs.by_topic[topic], log.journal(partition, kind)
        if written != expected:
            yield f"I3: {topic}/{partition} is not the oracle's: {difference(written, expected)}"
    letters = [(letter.reason, letter.event_id) for letter in outputs.letters]
    dead = [(one.reason, one.event_id) for one in log.journal(partition, Dead) if isinstance(one, Dead)]
    if letters != dead:
        yield f"I3: {TOPICS.dead_letters}/{partition} is not the oracle's: {difference(letters, dead)}"
    derived = [one.event for one in log.journal(partition, Derived) if isinstance(one, Derived)]
    for event in derived:
        event.recorded_at_ms = 0
    written_derived = [event for _, event in outputs.derived if not isinstance(event.payload, PoolAnswered)]
    if written_derived != derived:
        yield f"I3: {TOPICS.derived}/{partition} is not the oracle's: {difference(written_derived, derived)}"
    members = log.oracle.state(partition).members
    packed = {keys.member_key(name): pack_member(member) for name, member in members.items()}
    content = world.lanes.disks[0, partition].content
    kept = {key: value for key, value in content.items() if key.startswith(keys.MEMBER)}
    if kept != packed:
        yield f"I3: members of partition {partition} differ: {sorted(k for k, _ in kept.items() ^ packed.items())}"
    records = [Quarantined.unpack(value) for key, value in content.items() if key.startswith(keys.QUARANTINED)]
    quarantined = {name: member.parked for name, member in members.items() if member.quarantined}
    if {one.member_id: one.parked for one in records} != quarantined:
        yield f"I3: {records} are on record as quarantined in partition {partition}, by the oracle {quarantined}"
    latest = {balance.member_id: balance for balance in outputs.balances}
    for name, member in members.items():
        balance = latest.get(name)
        found = balance and (balance.version, balance.seq, balance.tier, balance.quarantined)
        if found != (member.version, member.seq, member.tier, member.quarantined):
            yield f"I3: the balance of {name} says {found}, the oracle {member!r}"


def difference(written: list[object], expected: list[object]) -> str:
    """The first place where two lists part."""
    for place, (one, other) in enumerate(zip(written, expected, strict=False)):
        if one != other:
            return f"record {place} is {one!r} in place of {other!r}"
    return f"{len(written)} records in place of {len(expected)}"


def ledger(audit: LedgerAudit, balances: dict[str, MemberBalance]) -> Iterator[str]:
    """I1, I2, I4, I5 and I6, by the entries and the balances alone."""
    sums = audit.balances()
    for member_id in sorted(sums.keys() | balances.keys()):
        balance = balances.get(member_id)
        wallets = {} if balance is None else {
            w.unit: (w.available, w.pending, w.held, w.debt)
            for w in balance.wallets
            if w.available or w.pending or w.held or w.debt
        }  # fmt: skip
        if sums.get(member_id, {}) != wallets:
            yield f"I1: the entries of {member_id} sum to {sums.get(member_id)}, the balance says {wallets}"
    heads = {member_id: (seq, head) for member_id, seq, head in audit.heads()}
    for member_id, balance in balances.items():
        if balance.seq and heads.get(member_id) != (balance.seq, balance.last_hash):
            yield f"I4: the ledger of {member_id} ends at {heads.get(member_id)}, the balance at entry {balance.seq}"
    named: tuple[tuple[str, Faults], ...] = (
        ("I2", audit.repeated), ("I4", audit.broken_chains), ("I5", audit.below_zero), ("I6", audit.gaps),
    )  # fmt: skip
    for name, faults in named:
        for fault in faults.first:
            yield f"{name}: {fault}"


def accounted_for(world: World, partition: int, outputs: Outputs) -> Iterator[str]:
    """I7."""
    decided = Counter((one.member_id, one.source, one.event_id) for one in outputs.decisions)
    for event_key, times in decided.items():
        if times > 1:
            yield f"I7: event {event_key} was decided {times} times"
    letters = Counter((letter.offset, letter.reason, letter.event_id) for letter in outputs.letters)
    for letter_key, times in letters.items():
        if times > 1:
            yield f"I7: the record {letter_key} is {times} times among the dead letters"
    parked: set[tuple[str, str, str]] = set()
    for key, packed in world.lanes.disks[0, partition].content.items():
        if key.startswith(keys.PARKED):
            event = DECODER.decode(packed[8:], 0)
            assert isinstance(event, Event), "only events are parked"
            parked.add((event.member_id, event.source, event.event_id))
    dead = {letter.offset for letter in outputs.letters}
    log = world.log.logs[partition]
    for offset, _, record_key, value in log.read(0, log.end()):
        try:
            item = DECODER.decode(value or b"", 0)
        except Undecodable as error:
            if (offset, error.reason, "") not in letters:
                yield f"I7: the record at {partition}/{offset} ({error.reason}) is not among the dead letters"
            continue
        if not isinstance(item, Event) or offset in dead:
            continue
        event_key = (item.member_id, item.source, item.event_id)
        if event_key not in decided and event_key not in parked:
            yield f"I7: event {event_key} at {partition}/{offset} (key {record_key!r}) is nowhere"
        if event_key in decided and event_key in parked:
            yield f"I7: event {event_key} was decided and is parked"


def fulfilled(world: World, partition: int, outputs: Outputs) -> Iterator[str]:
    """I8: one answer of the house on the log for each of its commands, however often it was carried there."""
    commanded = Counter(
        f"outcome:{one.fulfillment_id}" for one in outputs.commands if one.provider == HOUSE and one.action == "fulfil"
    )
    answers = {
        event.event_id for _, event in events_of(world, TOPICS.source, partition) if event.source == HOUSE_SOURCE
    }
    if commanded.keys() != answers or any(times > 1 for times in commanded.values()):
        yield f"I8: of partition {partition}, commands and answers differ: {sorted(commanded.keys() ^ answers)}"


def relayed_once(world: World) -> Iterator[str]:
    """I7 for derived events: each is on the log, under the id that it was derived with, and nothing else is."""
    derived = {
        (event.member_id, event.event_id)
        for partition in range(PARTITIONS)
        for _, event in events_of(world, TOPICS.derived, partition)
    }
    on_log = {
        (event.member_id, event.event_id)
        for partition in range(PARTITIONS)
        for _, event in events_of(world, TOPICS.source, partition)
        if event.source == SOURCE
    }
    if derived != on_log:
        yield f"I7: derived events and those on the log differ: {sorted(derived ^ on_log)[:5]}"
