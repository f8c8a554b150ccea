"""Cohort baselines on real servers: measured from the ledger, published, judged by in a lane, kept by its restore."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lane_world import DAY_MS, LaneWorld, now_ms

from pipeline.cli.common import iso_time
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.memory import Dead
from pipeline.core.payloads import MemberEnrolled, TransactionCompleted
from pipeline.core.records import FraudAlert
from pipeline.devstack import Settings
from pipeline.fraud.baseline_file import read_file
from pipeline.lane.cohorts import CohortPublisher
from pipeline.lane.control import ControlRefused

pytestmark = pytest.mark.kafka

MEMBERS = 50
EARLIER_MS = 9 * 60_000
"""The broker takes records that are so old; what was published then is in force now."""
PROGRAM = """\
program: cohorts
zone: UTC
enrolment: automatic
currencies: [USD]
units:
  points: {expires: never}
"""
RULES = """\
rules:
  - {id: purchase, on: transaction_completed, award: {points: {per: 100, of: event.amount_minor}}}
"""
FRAUD = """\
signals:
  - id: unlike-students
    cohort: {of: earned, by: segment, per: day, percentile: p50, times: 3, at_least_members: 50}
    action: review
  - id: unlike-the-partner
    cohort: {of: earned, by: partner, percentile: p50, times: 2, at_least_members: 50}
    action: allow
"""


def send(world: LaneWorld, event_id: str, member_id: str, points: int, occurred_ms: int = 0, partner: str = "") -> None:
    at_ms = now_ms()
    payload = TransactionCompleted(event_id, points * 100, "USD")
    attributes = {"partner": partner} if partner else {}
    world.send(Event(event_id, member_id, occurred_ms or at_ms, "till", "", attributes, payload, at_ms))


def accrue(world: LaneWorld, *arguments: str) -> str:
    """What a command of `accrue fraud cohorts` prints."""
    done = world.accrue("fraud", "cohorts", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def alerts(world: LaneWorld) -> list[tuple[str, str, int, int]]:
    found = [one for one in world.outputs("fraud-alerts", 0) if isinstance(one, FraudAlert)]
    expected = [one for one in world.oracle(0).journal(0) if isinstance(one, FraudAlert)]
    assert found == expected, "the simulation of the log says the same"
    return [(one.event_id, one.signal_id, one.value, one.limit) for one in found]


def test_what_was_measured_and_published_judges_in_the_lane_and_after_a_restore(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.mkdir()
    for name, text in (("program.yaml", PROGRAM), ("rules.yaml", RULES), ("fraud.yaml", FRAUD)):
        (program / name).write_text(text)
    with LaneWorld(settings, prefix, tmp_path, 1, program) as world:
        world.worker("one")
        for number in range(MEMBERS):
            at_ms = now_ms()
            joined = Event(f"j{number}", f"m{number}", at_ms, "crm", "", {}, MemberEnrolled("", "students"), at_ms)
            world.send(joined)
            send(world, f"yesterday{number}", f"m{number}", 10, at_ms - DAY_MS, "air" if number % 2 else "")
        world.flush()
        world.wait_until_quiet()

        out = tmp_path / "baselines.json"
        said = accrue(world, "compute", "--program", str(program), "--days", "2", "--out", str(out))
        assert "cohorts: 1; of fewer than 50 members, and left out: 1" in said
        (cohort,) = json.loads(out.read_text())["cohorts"]
        assert (cohort["by"], cohort["name"], cohort["members"]) == ("segment", "students", MEMBERS)
        assert set(cohort["points"]) == {10}

        clock_ms = now_ms() - EARLIER_MS
        publisher = CohortPublisher(
            world.settings, world.topics, world.encoder, world.connection.decoder, Horizons(), lambda: clock_ms
        )
        measured = read_file(out, "ada", "weekly")
        told = publisher.publish(measured, None)
        assert now_ms() > told.effective_at_ms, "in force by now"
        with pytest.raises(ControlRefused, match="publish after that"):
            publisher.publish(measured, told.effective_at_ms + 1)
        send(world, "usual", "m0", 30, partner="air")
        send(world, "beyond", "m0", 1)
        world.flush()
        world.wait_until_quiet()
        assert alerts(world) == [("beyond", "unlike-students", 31, 30)]

        again = accrue(world, "publish", str(out), "--author", "ben", "--reason", "again", "--json")
        assert json.loads(again)["effective_at"] == iso_time(told.effective_at_ms + 3_600_000), "an hour later"
        world.crew.kill("one")
        world.worker("two")  # with a folder of its own: all it knows is the changelog
        send(world, "restored", "m1", 31)
        world.flush()
        world.wait_until_quiet()
        assert alerts(world)[1:] == [("restored", "unlike-students", 31, 30)]
        assert not [one for one in world.oracle(0).journal(0) if isinstance(one, Dead)]

        facts = json.loads(accrue(world, "show", "--json"))
        assert (facts["baseline_id"], facts["author"], facts["reason"]) == (told.baseline_id, "ben", "again")
        assert facts["cohorts"] == [cohort]
        assert [one["author"] for one in json.loads(accrue(world, "show", "--all", "--json"))] == ["ada", "ben"]
        assert "students" in accrue(world, "show")
