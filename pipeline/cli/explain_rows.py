"""What was found by deciding again, as rows like those of PostgreSQL's tables, and rules as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.cli.common import iso_time
from pipeline.history.explanation import Explained
from pipeline.sinks.postgres_queries import Row, Trace
from pipeline.wire import schemas
from pipeline.wire.avro import TIMESTAMP, Array, Primitive, Record
from pipeline.wire.json_events import event_to_json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_COMPARED: Final = ("rule_id", "unit", "value", "desired", "limited_by", "mode")


def offline_trace(found: list[Explained]) -> tuple[Trace, list[dict[str, Any] | None]]:
    """(all rows, the event of each decision as JSON), as PostgreSQL and Kafka would have told."""
    trace = Trace([], [], [], [], [], [])
    events: list[dict[str, Any] | None] = []
    for each in found:
        if each.decision is not None:
            trace.decisions.append(_row("accrue.rewards.RewardDecision", each.decision))
            events.append(event_to_json(each.event))
        trace.answers.extend(
            _row("accrue.rewards.RewardDecision", answer) | {"pool": each.asked[answer.event_id]}
            for answer in each.answers
        )
        trace.entries.extend(_row("accrue.ledger.LedgerEntry", entry) for entry in each.entries)
        trace.tier_changes.extend(_row("accrue.tiers.TierChange", change) for change in each.tier_changes)
        trace.fulfillments.extend(_row("accrue.fulfillment.FulfillmentCommand", command) for command in each.commands)
        trace.fraud_alerts.extend(_row("accrue.fraud.FraudAlert", alert) for alert in each.alerts)
        trace.dead_letters.extend(
            {"event_id": each.event.event_id, "member_id": each.event.member_id, "reason": dead.reason,
             "detail": dead.detail}
            for dead in each.dead
        )  # fmt: skip
    return trace, events


def rules_json(found: Explained, decision: Row) -> list[dict[str, Any]]:
    """Each rule that saw the event, with what the decision says that it gave: None for one that is not in it."""
    rewards = {reward["rule_id"]: reward for reward in decision["rewards"]}
    rules = []
    for trace in found.rules:
        reward = rewards.get(trace.rule_id)
        rule = asdict(trace)
        rule["limits"] = [
            {"name": each.name, "most": each.most, "used": each.used, "since": _since(each.since_ms)}
            for each in trace.limits
        ]
        pause = trace.pause
        rule["pause"] = None if pause is None else {
            "rule_id": pause.rule_id, "since": iso_time(pause.since_ms), "until": iso_time(pause.until_ms)
        }  # fmt: skip
        rule["atoms"] = [asdict(atom) | {"sentence": atom.sentence()} for atom in trace.atoms]
        rule["wanted"] = None if reward is None else reward["desired"]
        rule["given"] = None if reward is None else reward["value"]
        rule["unit"] = "" if reward is None else reward["unit"]
        rule["limited_by"] = "" if reward is None else reward["limited_by"]
        rules.append(rule)
    return rules


def _since(time_ms: int) -> str | None:
    """When a window began; None for one that has no beginning."""
    return iso_time(time_ms) if time_ms else None


def same_rewards(found: Explained, decision: Row) -> bool:
    """Whether deciding again gave what is recorded, rule by rule."""
    recorded = [tuple(reward[name] for name in _COMPARED) for reward in decision["rewards"]]
    again = [] if found.decision is None else found.decision.rewards
    return found.decision is not None and recorded == [
        tuple(getattr(reward, name) for name in _COMPARED) for reward in again
    ]


def _row(name: str, value: object) -> Row:
    """The fields of a record as columns, times as datetimes."""
    return {field.name: _shown(getattr(value, field.attribute), field.type) for field in schemas.record(name).fields}


def _shown(value: Any, kind: object) -> Any:
    match kind:
        case Primitive(logical=logical) if logical == TIMESTAMP:
            return _EPOCH + value * _MS if value else None
        case Array(items=Record(fields=fields)):
            return [{each.name: _shown(getattr(item, each.attribute), each.type) for each in fields} for item in value]
    return value
