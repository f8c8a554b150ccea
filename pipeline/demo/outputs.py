"""Everything that the pipeline put out, read from its topics once the workers have stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.core.events import Event
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    Output,
    ReviewChange,
    RewardDecision,
    TierChange,
)
from pipeline.demo.audit import LedgerAudit
from pipeline.history.connection import Connection
from pipeline.lane.kafka_reader import KafkaReader

TOPICS: tuple[str, ...] = (
    "ledger-entries",
    "reward-decisions",
    "tier-changes",
    "reward-fulfillments",
    "fraud-alerts",
    "dead-letters",
    "member-balances",
)


@dataclass
class Outputs:
    """By kind in the order of the topics, partition by partition; entries only as the audit has them.

    `balances` holds each member's latest record.
    """

    audit: LedgerAudit = field(default_factory=LedgerAudit)
    decisions: list[RewardDecision] = field(default_factory=list)
    tier_changes: list[TierChange] = field(default_factory=list)
    commands: list[FulfillmentCommand] = field(default_factory=list)
    alerts: list[FraudAlert] = field(default_factory=list)
    reviews: list[ReviewChange] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    balances: dict[str, MemberBalance] = field(default_factory=dict)
    derived: list[Event] = field(default_factory=list)


def read_outputs(connection: Connection, partitions: int, on_progress: Callable[[int, int], None]) -> Outputs:
    """Read all topics to their ends. Raises Undecodable for what is no output, LaneFailed, RegistryUnavailable."""
    outputs = Outputs()
    reader = KafkaReader(connection.settings)
    try:
        ranges = [
            (topic, partition, *reader.bounds(connection.topics.name(topic), partition))
            for topic in (*TOPICS, "derived-events")
            for partition in range(partitions)
        ]
        in_all = sum(end - start for _topic, _partition, start, end in ranges)
        done = 0
        for topic, partition, start, end in ranges:
            for chunk in reader.read(connection.topics.name(topic), partition, start, end):
                for _offset, timestamp_ms, _key, value in chunk:
                    assert value is not None, f"{topic} has no tombstones"
                    if topic == "derived-events":
                        event = connection.decoder.decode(value, timestamp_ms)
                        assert isinstance(event, Event), f"{topic} carries events"
                        outputs.derived.append(event)
                    else:
                        _sort_in(outputs, connection.decoder.output(value))
                on_progress(done + chunk[-1][0] + 1 - start, in_all)
            done += end - start
        on_progress(in_all, in_all)
    finally:
        reader.close()
    return outputs


def tiers_of(changes: list[TierChange]) -> dict[str, str]:
    """Each member's tier after the latest change."""
    return {change.member_id: change.tier for change in changes}


def _sort_in(outputs: Outputs, record: Output) -> None:
    match record:
        case LedgerEntry():
            outputs.audit.add(record)
        case RewardDecision():
            outputs.decisions.append(record)
        case TierChange():
            outputs.tier_changes.append(record)
        case FulfillmentCommand():
            outputs.commands.append(record)
        case FraudAlert():
            outputs.alerts.append(record)
        case ReviewChange():
            outputs.reviews.append(record)
        case DeadLetter():
            outputs.letters.append(record)
        case MemberBalance():
            outputs.balances[record.member_id] = record
