"""Which record goes into which table of the Postgres sink, and how its values become columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    ReviewChange,
    RewardDecision,
    TierChange,
)
from pipeline.sinks.target import SinkRecord

Row = tuple[object, ...]

REPLACEMENT: Final = "\ufffd"
"""Stands for U+0000, the one character that PostgreSQL's text cannot hold."""


@dataclass(frozen=True)
class Table:
    """One table and how it is filled.

    `columns` are (name, type of the value as it is copied in, SQL expression that makes the column's value of it, with
    {} for the copied value). `key` are the columns that identify a row.
    """

    name: str
    columns: tuple[tuple[str, str, str], ...]
    key: tuple[str, ...]
    row: Callable[[Any], Row]

    @property
    def incoming(self) -> str:
        """Name of the temporary table that a batch is copied into."""
        return f"incoming_{self.name}"


def _text(name: str) -> tuple[str, str, str]:
    return name, "text", "{}"


def _number(name: str, kind: str = "bigint") -> tuple[str, str, str]:
    return name, kind, "{}"


def _bytes(name: str) -> tuple[str, str, str]:
    return name, "bytea", "{}"


def _time(name: str) -> tuple[str, str, str]:
    return name, "bigint", "time_of_ms({})"


def _time_or_never(name: str) -> tuple[str, str, str]:
    return name, "bigint", "CASE WHEN {} <> 0 THEN time_of_ms({}) END"


def _json(name: str) -> tuple[str, str, str]:
    return name, "text", "{}::jsonb"


_PLACE: Final = (_number("kafka_partition", "integer"), _number("kafka_offset"))


def clean(text: str) -> str:
    """The text as PostgreSQL can hold it."""
    return text.replace("\0", REPLACEMENT) if "\0" in text else text


def _entry(record: SinkRecord) -> Row:
    e = record.value
    assert isinstance(e, LedgerEntry)
    return (
        clean(e.entry_id), clean(e.member_id), e.seq, clean(e.kind), clean(e.unit), e.amount, clean(e.debit),
        clean(e.credit), e.lot, clean(e.event_id), clean(e.source), clean(e.rule_id), e.leg, clean(e.program_hash),
        e.occurred_at_ms, e.recorded_at_ms, e.previous_hash, e.hash, record.partition, record.offset,
    )  # fmt: skip


def _tier_change(record: SinkRecord) -> Row:
    c = record.value
    assert isinstance(c, TierChange)
    return (
        clean(c.change_id), clean(c.member_id), clean(c.previous_tier), clean(c.tier), clean(c.reason),
        c.qualifying_points, c.valid_until_ms, clean(c.event_id), clean(c.program_hash), c.occurred_at_ms,
        c.recorded_at_ms, c.seq, record.partition, record.offset,
    )  # fmt: skip


def _decision(record: SinkRecord) -> Row:
    d = record.value
    assert isinstance(d, RewardDecision)
    rewards = [
        {
            "rule_id": clean(r.rule_id),
            "type": clean(r.type),
            "unit": clean(r.unit),
            "value": r.value,
            "desired": r.desired,
            "limited_by": clean(r.limited_by),
            "mode": clean(r.mode),
        }
        for r in d.rewards
    ]
    errors = [{"rule_id": clean(e.rule_id), "error": clean(e.error)} for e in d.rule_errors]
    return (
        clean(d.event_id), clean(d.member_id), clean(d.source), clean(d.event_type), clean(d.outcome), clean(d.reason),
        json.dumps(rewards), json.dumps(errors), clean(d.program_hash), d.occurred_at_ms, d.recorded_at_ms,
        clean(d.traceparent), record.partition, record.offset,
    )  # fmt: skip


def _fulfillment(record: SinkRecord) -> Row:
    c = record.value
    assert isinstance(c, FulfillmentCommand)
    return (
        clean(c.fulfillment_id), clean(c.member_id), clean(c.redemption_id), clean(c.action), clean(c.reward_id),
        clean(c.provider), c.quantity, clean(c.unit), c.points, clean(c.event_id), clean(c.program_hash),
        c.occurred_at_ms, c.recorded_at_ms, clean(c.traceparent), record.partition, record.offset,
    )  # fmt: skip


def _alert(record: SinkRecord) -> Row:
    a = record.value
    assert isinstance(a, FraudAlert)
    evidence = [{"name": clean(one.name), "value": clean(one.value)} for one in a.evidence]
    history = [{"occurred_at_ms": one.occurred_at_ms, "value": one.value} for one in a.history]
    return (
        clean(a.alert_id), clean(a.member_id), clean(a.signal_id), clean(a.kind), clean(a.action), clean(a.mode),
        clean(a.event_id), clean(a.source), clean(a.event_type), clean(a.measured), a.value, a.limit, clean(a.key),
        clean(a.unit), a.points, json.dumps(evidence), json.dumps(history), clean(a.review_id), clean(a.program_hash),
        a.occurred_at_ms, a.recorded_at_ms, clean(a.traceparent), record.partition, record.offset,
    )  # fmt: skip


def _review(record: SinkRecord) -> Row:
    c = record.value
    assert isinstance(c, ReviewChange)
    parts = [{"unit": clean(part.unit), "points": part.points} for part in c.parts]
    return (
        clean(c.change_id), clean(c.review_id), clean(c.member_id), clean(c.status), clean(c.signal_id),
        json.dumps(parts), clean(c.redemption_id), clean(c.order_id), c.freezes, c.reviewers, clean(c.reviewer),
        clean(c.verdict), clean(c.reason), c.due_at_ms, clean(c.default_verdict), clean(c.event_id),
        clean(c.program_hash), c.occurred_at_ms, c.recorded_at_ms, c.seq, record.partition, record.offset,
    )  # fmt: skip


def _dead_letter(record: SinkRecord) -> Row:
    letter = record.value
    assert isinstance(letter, DeadLetter)
    return (
        record.partition, record.offset, clean(letter.reason), clean(letter.detail), clean(letter.topic),
        letter.partition, letter.offset, letter.timestamp_ms, letter.key, letter.value, clean(letter.event_id),
        clean(letter.member_id), clean(letter.traceparent),
    )  # fmt: skip


LEDGER_ENTRIES: Final = Table(
    "ledger_entries",
    (
        _text("entry_id"), _text("member_id"), _number("seq"), _text("kind"), _text("unit"), _number("amount"),
        _text("debit"), _text("credit"), _number("lot"), _text("event_id"), _text("source"), _text("rule_id"),
        _number("leg", "integer"), _text("program_hash"), _time("occurred_at"), _time("recorded_at"),
        _bytes("previous_hash"), _bytes("hash"), *_PLACE,
    ),
    ("entry_id",),
    _entry,
)  # fmt: skip

TIER_CHANGES: Final = Table(
    "tier_changes",
    (
        _text("change_id"), _text("member_id"), _text("previous_tier"), _text("tier"), _text("reason"),
        _number("qualifying_points"), _time_or_never("valid_until"), _text("event_id"), _text("program_hash"),
        _time("occurred_at"), _time("recorded_at"), _number("seq"), *_PLACE,
    ),
    ("change_id",),
    _tier_change,
)  # fmt: skip

DECISIONS: Final = Table(
    "decisions",
    (
        _text("event_id"), _text("member_id"), _text("source"), _text("event_type"), _text("outcome"), _text("reason"),
        _json("rewards"), _json("rule_errors"), _text("program_hash"), _time("occurred_at"), _time("recorded_at"),
        _text("traceparent"), *_PLACE,
    ),
    ("event_id", "member_id", "source"),
    _decision,
)  # fmt: skip

FULFILLMENTS: Final = Table(
    "fulfillments",
    (
        _text("fulfillment_id"), _text("member_id"), _text("redemption_id"), _text("action"), _text("reward_id"),
        _text("provider"), _number("quantity", "integer"), _text("unit"), _number("points"), _text("event_id"),
        _text("program_hash"), _time("occurred_at"), _time("recorded_at"), _text("traceparent"), *_PLACE,
    ),
    ("fulfillment_id", "action", "event_id"),
    _fulfillment,
)  # fmt: skip

FRAUD_ALERTS: Final = Table(
    "fraud_alerts",
    (
        _text("alert_id"), _text("member_id"), _text("signal_id"), _text("kind"), _text("action"), _text("mode"),
        _text("event_id"), _text("source"), _text("event_type"), _text("measured"), _number("value"), _number("limit"),
        _text("key"), _text("unit"), _number("points"), _json("evidence"), _json("history"), _text("review_id"),
        _text("program_hash"), _time("occurred_at"), _time("recorded_at"), _text("traceparent"), *_PLACE,
    ),
    ("alert_id",),
    _alert,
)  # fmt: skip

REVIEW_CHANGES: Final = Table(
    "review_changes",
    (
        _text("change_id"), _text("review_id"), _text("member_id"), _text("status"), _text("signal_id"), _json("parts"),
        _text("redemption_id"), _text("order_id"), _number("freezes", "boolean"), _number("reviewers", "integer"),
        _text("reviewer"), _text("verdict"), _text("reason"), _time_or_never("due_at"), _text("default_verdict"),
        _text("event_id"), _text("program_hash"), _time("occurred_at"), _time("recorded_at"), _number("seq"), *_PLACE,
    ),
    ("change_id",),
    _review,
)  # fmt: skip

DEAD_LETTERS: Final = Table(
    "dead_letters",
    (
        *_PLACE, _text("reason"), _text("detail"), _text("source_topic"), _number("source_partition", "integer"),
        _number("source_offset"), _time("source_time"), _bytes("key"), _bytes("value"), _text("event_id"),
        _text("member_id"), _text("traceparent"),
    ),
    ("kafka_partition", "kafka_offset"),
    _dead_letter,
)  # fmt: skip

TABLES: Final[dict[type, Table]] = {
    LedgerEntry: LEDGER_ENTRIES,
    TierChange: TIER_CHANGES,
    RewardDecision: DECISIONS,
    FulfillmentCommand: FULFILLMENTS,
    FraudAlert: FRAUD_ALERTS,
    ReviewChange: REVIEW_CHANGES,
    DeadLetter: DEAD_LETTERS,
}
"""Table by value class of `pipeline.core.records`."""

TOPICS: Final = (
    "ledger-entries",
    "tier-changes",
    "reward-decisions",
    "reward-fulfillments",
    "fraud-alerts",
    "dead-letters",
)
"""Topics that the Postgres sink reads, by their names in topics.yaml."""
