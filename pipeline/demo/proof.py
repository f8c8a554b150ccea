"""The proof of a run: what must always hold, checked one by one over topics, stores, and the replayed log."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.events import Event
from pipeline.core.memory import Derived, Duplicate, Parked
from pipeline.core.payloads import FulfillmentOutcome, MemberQuarantined, PoolAnswered
from pipeline.demo.audit import SHOWN_FAULTS, Faults
from pipeline.demo.outputs import Outputs, tiers_of
from pipeline.demo.report import Check
from pipeline.demo.stores import States, differences, kafka_states, ledger_states, simulated_states
from pipeline.history.log_lines import RecordLine
from pipeline.history.replay import Replay
from pipeline.partners.book import SOURCE
from pipeline.sinks.chain_check import Report
from pipeline.wire.codec import Undecodable

_CONFIRMED: Final = "confirmed"


Identity = tuple[str, str, str]
"""(member id, source, event id)."""


class Inputs:
    """What is remembered of the log's records: where each stands and which event it is, and what providers reported."""

    def __init__(self) -> None:
        self.records: list[tuple[int, int, Identity | None]] = []
        """(partition, offset, event); events that cannot be read have none."""
        self.controls = 0
        self.outcomes: list[Event] = []

    def add(self, record: RecordLine) -> None:
        """The next record of the log."""
        content = record.content
        if isinstance(content, Event):
            self.records.append((record.partition, record.offset, _identity(content)))
            if isinstance(content.payload, FulfillmentOutcome):
                self.outcomes.append(content)
        elif isinstance(content, Undecodable):
            self.records.append((record.partition, record.offset, None))
        else:
            self.controls += 1


@dataclass
class Evidence:
    """What a run left behind: its log, replayed, its outputs, the stores behind the sinks, the table's audit."""

    inputs: Inputs
    replay: Replay
    outputs: Outputs
    redis: States
    postgres: States
    postgres_ledger: Report


def prove(evidence: Evidence) -> list[Check]:
    """I1 to I7 in order, then what connects redemptions with their fulfilment."""
    return [
        _balances(evidence),
        _single_entries(evidence.outputs),
        _oracle(evidence),
        _chains(evidence),
        _never_below_zero(evidence.outputs),
        _no_gaps(evidence.outputs),
        _every_input(evidence),
        _fulfilled(evidence),
    ]


def _balances(evidence: Evidence) -> Check:
    states = kafka_states(evidence.outputs.balances.values())
    ledger = ledger_states(evidence.outputs.audit, tiers_of(evidence.outputs.tier_changes))
    faults = Faults()
    for name, found in (("the ledger", ledger), ("Redis", evidence.redis), ("PostgreSQL", evidence.postgres)):
        _merge(faults, differences(name, found, "member-balances", states))
    for unit, accounts in evidence.outputs.audit.accounts.items():
        if sum(accounts.values()):
            faults.add(f"all accounts of {unit} sum to {sum(accounts.values())}")
    return _check(
        "I1",
        "entries sum to the balances in Kafka, Redis and PostgreSQL; all accounts together to zero",
        faults,
        f"{len(states):,} members",
    )


def _single_entries(outputs: Outputs) -> Check:
    says = "exactly one entry per event, rule and leg"
    return _check("I2", says, outputs.audit.repeated, f"{outputs.audit.entries:,} entries")


def _oracle(evidence: Evidence) -> Check:
    """The log, replayed, gives what the pipeline has put out: every field of every record."""
    outputs, simulation = evidence.outputs, evidence.replay.simulation
    result = simulation.result()
    partitions = range(evidence.replay.header.partitions)
    members = [member for p in partitions for member in simulation.state(p).members.values()]
    states = simulated_states(members)
    faults = Faults()
    if outputs.audit.digest() != result.digest:
        faults.add(f"the ledger's digest is {outputs.audit.digest() or 'none'}, the replay's {result.digest}")
    _merge(faults, differences("member-balances", kafka_states(outputs.balances.values()), "the replay", states))
    # Hashes chain every field of every entry: where the heads are equal, the ledgers are.
    heads = {member_id: last_hash for member_id, _seq, last_hash in outputs.audit.heads()}
    simulated_heads = {member.member_id: member.last_hash for member in members if member.seq}
    _compare(faults, "ledger heads", heads.items(), simulated_heads.items())
    _compare(faults, "decisions", map(repr, outputs.decisions), map(repr, result.decisions))
    _compare(faults, "tier changes", map(repr, outputs.tier_changes), map(repr, result.tier_changes))
    _compare(faults, "commands", map(repr, outputs.commands), map(repr, result.commands))
    _compare(faults, "fraud alerts", map(repr, outputs.alerts), map(repr, result.alerts))
    _compare(faults, "reviews", map(repr, outputs.reviews), map(repr, result.reviews))
    derived = [o.event for p in partitions for o in simulation.journal(p) if isinstance(o, Derived)]
    # Outcomes of partners and answers of pools are no decisions of members' lanes.
    own = [one for one in outputs.derived if one.source != SOURCE and not isinstance(one.payload, PoolAnswered)]
    _compare(faults, "derived events", map(_derived, own), map(_derived, derived))
    _compare(
        faults,
        "dead letters",
        ((letter.partition, letter.offset, letter.reason, letter.detail) for letter in outputs.letters),
        map(tuple, evidence.replay.letters),
    )
    found = f"{len(outputs.decisions):,} decisions, {outputs.audit.entries:,} entries, digest {result.digest[:12]}"
    return _check("I3", "outputs equal the oracle: accrue simulate over the exported log", faults, found)


def _chains(evidence: Evidence) -> Check:
    faults = Faults()
    _merge(faults, evidence.outputs.audit.broken_chains)
    for problem in evidence.postgres_ledger.problems:
        faults.add(f"PostgreSQL: member {problem.member_id}, entry {problem.seq}: {problem.what}")
    in_table = evidence.postgres_ledger.entries
    if in_table != evidence.outputs.audit.entries:
        faults.add(f"PostgreSQL holds {in_table} entries, Kafka {evidence.outputs.audit.entries}")
    return _check(
        "I4", "every hash chain verifies, in Kafka and in PostgreSQL", faults, f"{in_table:,} entries in each"
    )


def _never_below_zero(outputs: Outputs) -> Check:
    found = f"looked at after each of {outputs.audit.entries:,} entries"
    return _check("I5", "no member's balance is ever below zero", outputs.audit.below_zero, found)


def _no_gaps(outputs: Outputs) -> Check:
    found = f"{sum(1 for _ in outputs.audit.heads()):,} ledgers"
    return _check("I6", "members' sequence numbers have no gaps", outputs.audit.gaps, found)


def _every_input(evidence: Evidence) -> Check:
    """Every record that is no control record was decided, is parked, or is a dead letter."""
    outputs = evidence.outputs
    decided: Counter[Identity | None] = Counter((d.member_id, d.source, d.event_id) for d in outputs.decisions)
    dead = Counter((letter.partition, letter.offset) for letter in outputs.letters)
    parked = {_identity(event) for event in parked_events(evidence.replay)}
    faults = Faults()
    for event, count in decided.items():
        if count > 1:
            faults.add(f"event {event} was decided {count} times")
    for place, count in dead.items():
        if count > 1:
            faults.add(f"the record at {place} is {count} times in dead-letters")
    for partition, offset, identity in evidence.inputs.records:
        if (partition, offset) not in dead and identity not in decided and identity not in parked:
            faults.add(f"partition {partition} offset {offset}: no trace of {identity or 'what is no event'}")
    says = "every input is applied, refused, parked or in dead-letters, and only once"
    return _check("I7", says, faults, f"{len(evidence.inputs.records):,} records")


def _fulfilled(evidence: Evidence) -> Check:
    """Every confirmed redemption is redeemed in the ledger, every other one is held or given back."""
    outputs = evidence.outputs
    commands = {command.fulfillment_id: command for command in outputs.commands if command.action == "fulfil"}
    ended = ended_fulfilments(evidence)
    points = Counter[str]()
    for fulfillment_id, command in commands.items():
        points[ended.get(fulfillment_id, "open")] += command.points
    by_kind = outputs.audit.points_by_kind
    held = sum(wallet.held for balance in outputs.balances.values() for wallet in balance.wallets)
    faults = Faults()
    for what, expected, found in (
        ("redeemed", points[_CONFIRMED], by_kind["redeem"]),
        ("held", points["open"], held),
        ("asked for", sum(points.values()), by_kind["hold"]),
        ("given back", sum(points.values()) - points[_CONFIRMED] - points["open"], by_kind["void"]),
    ):
        if expected != found:
            faults.add(f"fulfilments say that {expected} points are {what}, the ledger says {found}")
    return _check(
        "I8",
        "points are redeemed exactly for what providers confirmed",
        faults,
        f"{sum(1 for outcome in ended.values() if outcome == _CONFIRMED):,} confirmed of {len(commands):,}",
    )


def ended_fulfilments(evidence: Evidence) -> dict[str, str]:
    """Fulfilment id to the outcome that counted: the first one reported that was not `unknown`."""
    applied = {(d.member_id, d.source, d.event_id) for d in evidence.outputs.decisions if d.outcome == "applied"}
    ended: dict[str, str] = {}
    for event in evidence.inputs.outcomes:
        payload = event.payload
        if isinstance(payload, FulfillmentOutcome) and payload.outcome != "unknown" and _identity(event) in applied:
            ended.setdefault(payload.fulfillment_id, payload.outcome)
    return ended


def duplicates(replay: Replay) -> int:
    """How many records repeat an event that was decided."""
    return _count(replay, Duplicate)


def parked_events(replay: Replay) -> list[Event]:
    """Events that were parked at some time."""
    partitions = range(replay.header.partitions)
    return [o.event for p in partitions for o in replay.simulation.journal(p) if isinstance(o, Parked)]


def _count(replay: Replay, kind: type) -> int:
    partitions = range(replay.header.partitions)
    return sum(isinstance(output, kind) for p in partitions for output in replay.simulation.journal(p))


def _compare(faults: Faults, what: str, found: Iterable[Hashable], expected: Iterable[Hashable]) -> None:
    """Both must hold the same, each as often."""
    too_many, missing = Counter(found), Counter(expected)
    for item in (too_many - missing).elements():
        faults.add(f"{what}: the replay does not have {item}")
    for item in (missing - too_many).elements():
        faults.add(f"{what}: only the replay has {item}")


def _derived(event: Event) -> str:
    """What a derived event says; why a member was quarantined is not known on replay."""
    payload = event.payload
    if isinstance(payload, MemberQuarantined):
        payload = MemberQuarantined(
            payload.quarantined_event_id,
            payload.quarantined_source,
            payload.quarantined_offset,
            "",
            payload.released_by,
        )
    return f"{event.event_id} {event.member_id} {event.source} {event.occurred_at_ms} {payload!r}"


def _identity(event: Event) -> Identity:
    return event.member_id, event.source, event.event_id


def _merge(into: Faults, more: Faults) -> None:
    into.count += more.count
    into.first += more.first[: SHOWN_FAULTS - len(into.first)]


def _check(name: str, says: str, faults: Faults, found: str) -> Check:
    if not faults.count:
        return Check(name, says, holds=True, found=found)
    return Check(name, says, holds=False, found=f"{faults.count:,} faults: {'; '.join(faults.first)}")


def script_check(departures: Sequence[str], expected: Counter[str]) -> Check:
    """That the live day went as it was written."""
    faults = Faults()
    for departure in departures:
        faults.add(departure)
    kinds = f"{sum(expected.values()):,} scripted records with {len(expected)} different fates"
    return _check("Day", "every scripted record met its fate, each kind of fault its dead letter", faults, kinds)
