"""Fraud alerts on real servers: from the topic into PostgreSQL, and told by `accrue explain`."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sink_world import NOW_MS, Account, World, run_to_end

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.ids import cause_prefix, derived_id
from pipeline.core.payloads import Control, ReviewDecided
from pipeline.core.pool_ids import OF_SIGNAL
from pipeline.core.records import Evidence
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.sinks.postgres_queries import ledger

pytestmark = pytest.mark.kafka


def test_an_alert_becomes_a_row_of_its_event(world: World, database: psycopg.Connection) -> None:
    world.write(Account("m-1").alert("e-1"))

    run_to_end(world.postgres_sink())

    row = database.execute('SELECT signal_id, value, "limit", points, evidence, history FROM fraud_alerts').fetchone()
    history = [{"occurred_at_ms": NOW_MS - 5, "value": 1}]
    assert row == ("hourly", 2, 1, 40, [{"name": "tier", "value": "gold"}], history)
    with ledger(world.settings.need("postgres_url")) as tables:
        trace = tables.trace("e-1")
    assert [alert["signal_id"] for alert in trace.fraud_alerts] == ["hourly"]


def accrue(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def found(*arguments: str) -> Any:
    result = accrue(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def events_of(world: World) -> list[Event | Control]:
    """All records of the log."""
    topic = world.topics.topic("member-events")
    reader = KafkaReader(world.settings)
    try:
        return [
            world.decoder.decode(value, timestamp_ms)
            for partition in range(topic.partitions)
            for chunk in reader.read(topic.full_name, partition, *reader.bounds(topic.full_name, partition))
            for _offset, timestamp_ms, _key, value in chunk
            if value is not None
        ]
    finally:
        reader.close()


def test_reviews_are_listed_shown_and_decided(registered_world: World) -> None:
    world = registered_world
    account = Account("m-1")
    alert = account.alert("e-1")
    alert.review_id = "review-m-1"
    world.write(alert, account.review("opened"), account.review("endorsed", "bob", "approve"))
    world.write(Account("m-2").review("opened"), Account("m-2").review("approved", "bob", "approve"))
    request_id = derived_id(cause_prefix("m-1", "shop", "want"), OF_SIGNAL + "hourly", 0)
    denied = account.alert(request_id)
    denied.evidence = [Evidence("others", "m-7, m-8")]
    world.write(
        account.decision("want", reason="waits_for_signal", rewards=[], rule_errors=[]),
        account.decision(request_id, source="accrue", reason="denied_by_signal", rewards=[], rule_errors=[]),
        denied,
    )
    run_to_end(world.postgres_sink())

    explained = found("explain", "want")
    assert [one["reason"] for one in explained["decisions"]] == ["waits_for_signal"]
    assert [one["reason"] for one in explained["answers"]] == ["denied_by_signal"]
    assert [one["event_id"] for one in explained["fraud_alerts"]] == [request_id]
    assert "  the others: m-7, m-8\n" in accrue("explain", "want").stdout
    (listed,) = found("reviews", "list")
    assert (listed["review_id"], listed["status"], listed["open"]) == ("review-m-1", "endorsed", True)
    assert len(found("reviews", "list", "--all")) == 2
    shown = found("reviews", "show", "review-m-1")
    assert [change["status"] for change in shown["changes"]] == ["opened", "endorsed"]
    assert [one["evidence"] for one in shown["alerts"]] == [[{"name": "tier", "value": "gold"}]]
    text = accrue("reviews", "show", "review-m-1").stdout
    assert "two different reviewers must agree" in text
    assert "Fraud signal hourly (deny)" in text

    refused = accrue("reviews", "decide", "review-m-1", "approve", "--reviewer", "bob")
    assert (refused.exit_code, "a second, different reviewer" in refused.stderr) == (1, True)
    assert accrue("reviews", "decide", "review-m-2", "reject").exit_code == 1

    decided = found("reviews", "decide", "review-m-1", "approve", "--reviewer", "cleo", "--reason", "known")
    (event,) = events_of(world)
    assert isinstance(event, Event)
    assert event.event_id == decided["event_id"]
    assert isinstance(event.payload, ReviewDecided)
    assert (event.member_id, event.payload.reviewer, event.payload.verdict) == ("m-1", "cleo", "approve")
