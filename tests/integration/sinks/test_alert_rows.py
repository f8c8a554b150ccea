"""Fraud alerts on real servers: from the topic into PostgreSQL, and told by `accrue explain`."""

from __future__ import annotations

import psycopg
import pytest
from sink_world import NOW_MS, Account, World, run_to_end

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
