"""The benchmarks of the parts: what they measure is what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import decisions, year
from pipeline.wire.json_events import event_from_json

YEAR = 365 * 86_400_000


def test_of_many_rules_only_those_for_the_event_are_looked_at() -> None:
    """A decision costs what the rules of its event's type cost, however many others there are."""
    program = decisions.many_rules(10, 90)

    assert len(program.rules["transaction_completed"].rules) == 10
    assert sum(len(table.rules) for table in program.rules.values()) == 100
    assert decisions.decision_us(program, 1) > 0


def test_the_year_is_a_year_in_order_and_repeats_are_repeats(tmp_path: Path) -> None:
    path = tmp_path / "year.jsonl"
    assert year.write(path, 20, 400) == 400
    events = [event_from_json(json.loads(line)) for line in path.read_text().splitlines()]

    times = [event.recorded_at_ms for event in events]
    assert times == sorted(times)
    assert 0.95 * YEAR < times[-1] - times[0] < YEAR
    contents = {(event.member_id, event.event_id): event.content_digest() for event in events}
    assert all(contents[event.member_id, event.event_id] == event.content_digest() for event in events)
    assert len(contents) < len(events)


def test_a_small_year_is_simulated_and_its_rate_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["year", "--members", "30", "--events-each", "5"])

    assert year.main() == 0

    said = capfd.readouterr().out
    assert "150 events of 30 members in a year" in said
    assert "events a second" in said
