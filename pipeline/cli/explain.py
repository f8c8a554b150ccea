"""`accrue explain`: what became of one event, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
from confluent_kafka import KafkaException

from pipeline.cli.common import (
    json_option,
    print_json,
    print_table,
    settings_options,
    utc_text,
    warn,
)
from pipeline.cli.errors import known_error
from pipeline.core.reasons import APPLIED_REASONS, DEAD_LETTER_REASONS, REFUSAL_REASONS
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings
from pipeline.sinks.assemble import decoder_of, topics_of
from pipeline.sinks.event_search import find_event
from pipeline.sinks.postgres_queries import Row, Trace, ledger
from pipeline.sinks.target import AwayError
from pipeline.wire.json_events import event_to_json
from pipeline.wire.schemas import RegistryUnavailable
from pipeline.wire.times import time_ms
from pipeline.wire.topics import LOG


@click.command()
@click.argument("event_id")
@click.option("--member", "member_id", help="Only this member's event, where several have one of this id.")
@settings_options("postgres_url", "bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def explain(event_id: str, member_id: str | None, settings: Settings, as_json: bool) -> None:
    """Say what became of the event EVENT_ID: decision per rule, entries, tier, commands, or why it was refused.

    Read from PostgreSQL; the event itself from Kafka where that is configured.
    """
    with ledger(settings.need("postgres_url")) as tables:
        trace = tables.trace(event_id, member_id)
    if trace.empty:
        whose = f" of member {member_id!r}" if member_id else ""
        raise click.ClickException(
            f"nothing is known of event {event_id!r}{whose}: it has not arrived, is not decided yet, is parked with a "
            "quarantined member, or `accrue sink run postgres` is behind"
        )
    events = [_event(settings, decision) for decision in trace.decisions]
    if as_json:
        print_json(_document(event_id, trace, events))
        return
    for decision, event in zip(trace.decisions, events, strict=True):
        _show_decision(decision, event)
    _show_consequences(trace)
    for letter in trace.dead_letters:
        _show_dead_letter(letter)


def _event(settings: Settings, decision: Row) -> dict[str, Any] | None:
    """The event with its place on the log; None where it cannot be read now."""
    if not settings.bootstrap_servers or not settings.registry_url:
        return None
    topic = topics_of(settings).name(LOG)
    partition = decision["kafka_partition"]  # a lane writes to the partition with its own number
    identity = (decision["member_id"], decision["source"], decision["event_id"])
    try:
        found = find_event(
            settings, decoder_of(settings), topic, partition, identity, time_ms(decision["recorded_at"].isoformat())
        )
    except (AwayError, LaneFailed, RegistryUnavailable, KafkaException) as error:
        warn(f"the event itself cannot be shown: {known_error(error)}")
        return None
    if found is None:
        return None
    offset, event = found
    return event_to_json(event) | {"topic": topic, "partition": partition, "offset": offset}


def _show_decision(decision: Row, event: dict[str, Any] | None) -> None:
    click.echo(f"Event {decision['event_id']} of member {decision['member_id']} from {decision['source']}")
    click.echo(f"  type      {decision['event_type']}")
    click.echo(f"  occurred  {utc_text(decision['occurred_at'])}, recorded {utc_text(decision['recorded_at'])}")
    if event is not None:
        click.echo(f"  log       {event['topic']}[{event['partition']}]:{event['offset']}")
        click.echo(f"  data      {json.dumps(event['data'], ensure_ascii=False)}")
    reason = decision["reason"]
    because = f": {reason}. {(REFUSAL_REASONS | APPLIED_REASONS).get(reason, '')}".rstrip() if reason else ""
    click.echo(f"Decision: {decision['outcome']}{because}")
    click.echo(f"  program   {decision['program_hash'] or 'none was in force'}")
    click.echo(f"  recorded  reward-decisions[{decision['kafka_partition']}]:{decision['kafka_offset']}")
    if decision["rewards"]:
        print_table(
            ("rule", "gave", "desired", "unit", "limited by", "mode"),
            [
                (r["rule_id"], r["value"], r["desired"], r["unit"], r["limited_by"] or "-", r["mode"])
                for r in decision["rewards"]
            ],
        )
    elif not reason and not decision["rule_errors"]:
        click.echo("  no rule's condition held")
    for error in decision["rule_errors"]:
        click.echo(f"  rule {error['rule_id']} failed and counted as false: {error['error']}")


def _show_consequences(trace: Trace) -> None:
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


def _show_dead_letter(letter: Row) -> None:
    place = f"{letter['kafka_partition']}:{letter['kafka_offset']}"
    click.echo(f"Dead letter {place}, member {letter['member_id'] or 'unknown'}: {letter['reason']}")
    click.echo(f"  {DEAD_LETTER_REASONS.get(letter['reason'], '')}")
    click.echo(f"  {letter['detail']}")
    click.echo(f"  record    {letter['source_topic']}[{letter['source_partition']}]:{letter['source_offset']}")
    click.echo(f"  when mended: accrue dlq redrive {place}")


def _document(event_id: str, trace: Trace, events: list[dict[str, Any] | None]) -> dict[str, Any]:
    decisions = [decision | {"event": event} for decision, event in zip(trace.decisions, events, strict=True)]
    return {"event_id": event_id, **asdict(trace), "decisions": decisions}
