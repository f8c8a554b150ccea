"""`accrue explain`: what became of one event, and why."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from confluent_kafka import KafkaException

from pipeline.cli.common import json_option, print_json, settings_options, warn
from pipeline.cli.errors import known_error
from pipeline.cli.explain_rows import offline_trace, rules_json, same_rewards
from pipeline.cli.explain_show import (
    show_alerts,
    show_answers,
    show_consequences,
    show_dead_letter,
    show_decision,
    show_rules,
)
from pipeline.cli.program_words import tell
from pipeline.core.ports import UnknownProgram
from pipeline.history.connection import Connection
from pipeline.history.explain_sources import explain_in_events, explain_in_kafka, explain_in_log, is_exported_log
from pipeline.history.explanation import Explained
from pipeline.history.replay import NotReplayable
from pipeline.lane.ports import LaneFailed
from pipeline.program import Bundle, ProgramRefused, load_program
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
@click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Explain by a file, without any server: a log that `accrue log export` wrote, or events as JSON lines.",
)
@click.option(
    "--program",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --log: the programme that decides; an exported log brings its own, which this one stands in for.",
)
@click.option("--rules/--no-rules", default=True, help="Explain the rules, which takes reading the member's partition.")
@settings_options("postgres_url", "bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def explain(
    event_id: str,
    member_id: str | None,
    log_file: Path | None,
    program: Path | None,
    rules: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say what became of the event EVENT_ID: why, rule by rule, entries, tier, commands, or why it was refused.

    Of each rule on the event's type it says which comparison of its condition decided, with the values of the event and
    of the member before it, what it gave, and which limit or pause kept it from more. That is found by deciding the
    member's records once more.

    What pools answered to the event is told with it, and what that did.

    Read from PostgreSQL; event and rules from Kafka where that is configured. With --log from a file alone.
    """
    traced: list[list[dict[str, Any]] | None]
    if log_file is not None:
        found = _offline(log_file, event_id, member_id, program)
        trace, events = offline_trace(found)
        pairs = _decided(found, trace)
        traced = [rules_json(each, decision) if rules else None for each, decision in pairs]
    else:
        if program is not None:
            raise click.UsageError("--program goes with --log FILE")
        trace, events, traced = _online(settings, event_id, member_id, rules)
    if as_json:
        print_json(_document(event_id, trace, events, traced))
        return
    for decision, event, each in zip(trace.decisions, events, traced, strict=True):
        show_decision(decision, event)
        show_rules(decision["event_type"], each or [])
    show_answers(trace.answers)
    show_alerts(trace.fraud_alerts)
    show_consequences(trace)
    for letter in trace.dead_letters:
        show_dead_letter(letter)


def _online(
    settings: Settings, event_id: str, member_id: str | None, rules: bool
) -> tuple[Trace, list[dict[str, Any] | None], list[list[dict[str, Any]] | None]]:
    """(all rows, the event of each decision as JSON, its rules)."""
    with ledger(settings.need("postgres_url")) as tables:
        trace = tables.trace(event_id, member_id)
        if trace.empty:
            raise click.ClickException(
                f"nothing is known of event {event_id!r}{_whose(member_id)}: it has not arrived, is not decided yet, "
                "is parked with a quarantined member, or `accrue sink run postgres` is behind"
            )
        events = [_event(settings, decision) for decision in trace.decisions]
        traced: list[list[dict[str, Any]] | None] = []
        for decision, event in zip(trace.decisions, events, strict=True):
            again = _again(settings, decision, event) if rules else None
            traced.append(None if again is None else rules_json(again, decision))
            tables.add_answers(trace, decision, None if again is None else again.asked)
    return trace, events, traced


def _offline(path: Path, event_id: str, member_id: str | None, program: Path | None) -> list[Explained]:
    bundle = None if program is None else _loaded(program)
    if is_exported_log(path):
        found = explain_in_log(path, event_id, member_id, bundle)
    elif bundle is None:
        raise click.UsageError(f"{path} is no exported log, so it brings no programme: add --program DIR")
    else:
        found = explain_in_events(path, event_id, member_id, bundle)
    if not found:
        raise click.ClickException(f"{path} has no event {event_id!r}{_whose(member_id)}")
    return found


def _loaded(directory: Path) -> Bundle:
    try:
        return load_program(directory)
    except ProgramRefused as refused:
        tell(refused.problems)
        raise click.ClickException(f"{directory} has mistakes: mend it first") from refused


def _whose(member_id: str | None) -> str:
    return f" of member {member_id!r}" if member_id else ""


def _decided(found: list[Explained], trace: Trace) -> list[tuple[Explained, Row]]:
    return list(zip([each for each in found if each.decision is not None], trace.decisions, strict=True))


def _again(settings: Settings, decision: Row, event: dict[str, Any] | None) -> Explained | None:
    """The event, by deciding its member's records again; None where that cannot be done now."""
    if event is None:
        return None
    try:
        with closing(Connection(settings)) as connection:
            found = explain_in_kafka(connection, event["partition"], decision["member_id"], decision["event_id"])
    except (LaneFailed, NotReplayable, RegistryUnavailable, UnknownProgram, KafkaException) as error:
        warn(f"the rules cannot be explained: {known_error(error)}")
        return None
    for each in found:
        if each.event.source == decision["source"] and same_rewards(each, decision):
            return each
    warn("the rules cannot be explained: decided again, the event comes out otherwise than it is recorded")
    return None


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


def _document(
    event_id: str, trace: Trace, events: list[dict[str, Any] | None], traced: list[list[dict[str, Any]] | None]
) -> dict[str, Any]:
    decisions = [
        decision | {"event": event, "rules": rules}
        for decision, event, rules in zip(trace.decisions, events, traced, strict=True)
    ]
    return {"event_id": event_id, **asdict(trace), "decisions": decisions}
