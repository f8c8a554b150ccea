"""How `accrue explain` shows an event to people: what was decided of it and why, and what moved."""

from __future__ import annotations

import json
from typing import Any

import click

from pipeline.cli.common import print_table, utc_text
from pipeline.core.fraud_answers import OTHERS
from pipeline.core.reasons import APPLIED_REASONS, DEAD_LETTER_REASONS, REFUSAL_REASONS
from pipeline.sinks.postgres_queries import Row, Trace


def show_decision(decision: Row, event: dict[str, Any] | None) -> None:
    """The event, and what was decided of it."""
    click.echo(f"Event {decision['event_id']} of member {decision['member_id']} from {decision['source']}")
    click.echo(f"  type      {decision['event_type']}")
    click.echo(f"  occurred  {utc_text(decision['occurred_at'])}, recorded {utc_text(decision['recorded_at'])}")
    if event is not None:
        if "topic" in event:
            click.echo(f"  log       {event['topic']}[{event['partition']}]:{event['offset']}")
        click.echo(f"  data      {json.dumps(event['data'], ensure_ascii=False)}")
    click.echo(f"Decision: {decision['outcome']}{_because(decision['reason'])}")
    click.echo(f"  program   {decision['program_hash'] or 'none was in force'}")
    if "kafka_offset" in decision:
        click.echo(f"  recorded  reward-decisions[{decision['kafka_partition']}]:{decision['kafka_offset']}")
    show_rewards(decision["rewards"])
    if not (decision["rewards"] or decision["reason"] or decision["rule_errors"]):
        click.echo("  no rule's condition held")
    for error in decision["rule_errors"]:
        click.echo(f"  rule {error['rule_id']} failed and counted as false: {error['error']}")


def show_rewards(rewards: list[dict[str, Any]]) -> None:
    """What rules gave of what they wanted."""
    if rewards:
        print_table(
            ("rule", "gave", "desired", "unit", "limited by", "mode"),
            [(r["rule_id"], r["value"], r["desired"], r["unit"], r["limited_by"] or "-", r["mode"]) for r in rewards],
        )


def show_answers(answers: list[Row]) -> None:
    """What pools answered to the event, and what was decided of that."""
    for answer in answers:
        click.echo(
            f"Answer of {answer['pool'] or 'a pool'}, recorded {utc_text(answer['recorded_at'])}: "
            f"{answer['outcome']}{_because(answer['reason'])}"
        )
        show_rewards(answer["rewards"])


def _because(reason: str) -> str:
    return f": {reason}. {(REFUSAL_REASONS | APPLIED_REASONS).get(reason, '')}".rstrip() if reason else ""


def show_consequences(trace: Trace) -> None:
    """Entries, changes of tier, and commands to providers."""
    if trace.entries:
        click.echo("Entries:")
        print_table(
            ("member", "seq", "kind", "amount", "unit", "from", "to", "rule", "lot"),
            [
                (
                    e["member_id"], e["seq"], e["kind"], e["amount"], e["unit"], e["debit"], e["credit"], e["rule_id"],
                    e["lot"] or "-",
                )
                for e in trace.entries
            ],
        )  # fmt: skip
    for change in trace.tier_changes:
        until = utc_text(change["valid_until"]) if change["valid_until"] else "never"
        click.echo(
            f"Tier of {change['member_id']}: {change['previous_tier'] or 'none'} -> {change['tier']} "
            f"({change['reason']}, {change['qualifying_points']} qualifying points, reviewed {until})"
        )
    for command in trace.fulfillments:
        click.echo(
            f"Command to {command['provider']}: {command['action']} {command['quantity']} {command['reward_id']} for "
            f"{command['points']} {command['unit']}, redemption {command['redemption_id']}, "
            f"id {command['fulfillment_id']}"
        )


def show_alerts(alerts: list[Row]) -> None:
    """What fraud signals said of the event, or of what a pool answered to it."""
    for alert in alerts:
        show_alert(alert)
        for fact in alert["evidence"]:
            if fact["name"] == OTHERS and fact["value"]:
                click.echo(f"  the others: {fact['value']}")
        if alert["review_id"]:
            click.echo(f"  under review: accrue reviews show {alert['review_id']}")


def show_alert(alert: Row) -> None:
    """What one fraud signal measured."""
    shadow = " in shadow, nothing was done" if alert["mode"] == "shadow" else ""
    click.echo(f"Fraud signal {alert['signal_id']} ({alert['action']}){shadow}: {alert['measured']}")
    by = f" of {alert['key']}" if alert["key"] else ""
    unit = f" {alert['unit'] or 'points'}" if alert["points"] else ""
    stake = f"; {alert['points']}{unit} at stake" if alert["points"] else ""
    click.echo(f"  {alert['value']}{by} with this event, {alert['limit']} allowed{stake}")


def show_dead_letter(letter: Row) -> None:
    """Why a record went to dead-letters, and the way out."""
    if "kafka_offset" not in letter:
        click.echo(f"Dead letter, member {letter['member_id'] or 'unknown'}: {letter['reason']}")
        click.echo(f"  {DEAD_LETTER_REASONS.get(letter['reason'], '')}")
        click.echo(f"  {letter['detail']}")
        return
    place = f"{letter['kafka_partition']}:{letter['kafka_offset']}"
    click.echo(f"Dead letter {place}, member {letter['member_id'] or 'unknown'}: {letter['reason']}")
    click.echo(f"  {DEAD_LETTER_REASONS.get(letter['reason'], '')}")
    click.echo(f"  {letter['detail']}")
    click.echo(f"  record    {letter['source_topic']}[{letter['source_partition']}]:{letter['source_offset']}")
    click.echo(f"  when mended: accrue dlq redrive {place}")


def show_rules(event_type: str, rules: list[dict[str, Any]]) -> None:
    """Each rule of the event's type: whether its condition held and what decided, what it gave and what kept it."""
    if not rules:
        return
    click.echo(f"Rules on {event_type}, which see the member as before the event:")
    for rule in rules:
        click.echo(f"  {rule['rule_id']}: {_outcome(rule)}")
        for atom in rule["atoms"]:
            if atom["decided"]:
                click.echo(f"      {atom['sentence']}")
        if rule["holds"] and rule["counted"]:
            click.echo(f"      counted by {rule['counted']}")
        for line in _reasons(rule, event_type):
            click.echo(f"      {line}")


def _outcome(rule: dict[str, Any]) -> str:
    if rule["holds"] is None:
        return f"its condition failed and counts as not met: {rule['error']}"
    if not rule["holds"]:
        return "not met"
    gave = "gave" if rule["mode"] == "live" else "in shadow, would have given"
    if rule["given"] is None:
        return "met"
    if rule["given"] == rule["wanted"]:
        return f"met, {gave} {rule['given']} {rule['unit']}"
    return f"met, {gave} {rule['given']} of {rule['wanted']} {rule['unit']}: {rule['limited_by']}"


def _reasons(rule: dict[str, Any], event_type: str) -> list[str]:
    """What kept the rule from giving all that it wanted, with figures."""
    limited_by, lines = rule["limited_by"], []
    for limit in rule["limits"]:
        if limit["name"] == limited_by:
            since = f" since {limit['since']}" if limit["since"] else ""
            left = max(limit["most"] - limit["used"], 0)
            lines.append(f"{limit['name']}: {limit['used']} of {limit['most']} used{since}, {left} left")
    pause = rule["pause"]
    if limited_by == "cooldown" and pause is not None:
        lines.append(f"pause until {pause['until']}, since {pause['rule_id']} gave at {pause['since']}")
    if limited_by == "first_only":
        lines.append(f"not the member's first {event_type}")
    return lines
