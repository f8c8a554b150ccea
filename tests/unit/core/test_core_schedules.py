"""Schedules: dates, weekdays and hours by the clocks on the wall, right across changes of clocks."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from core_programs import Bench, RewardDecision, ms, program, table
from core_programs import rule as plain_rule

from pipeline.core.campaigns import Campaign
from pipeline.core.program import Program, Rule
from pipeline.core.schedules import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
HAPPY = Schedule(0, 0, frozenset(), ((17 * 60, 19 * 60),))
NIGHT = Schedule(0, 0, frozenset({4}), ((22 * 60, 2 * 60),))
SMALL_HOURS = Schedule(0, 0, frozenset(), ((120, 180),))
FRIDAYS = Schedule(0, 0, frozenset({4}), ())


def days(first: str, last: str, hours: tuple[tuple[int, int], ...] = ()) -> Schedule:
    one, other = (date.fromisoformat(text).toordinal() if text else 0 for text in (first, last))
    return Schedule(one, other, frozenset(), hours)


@pytest.mark.parametrize(
    ("schedule", "at", "runs"),
    [
        (HAPPY, "2026-07-01T16:59:59+02:00", False),
        (HAPPY, "2026-07-01T17:00:00+02:00", True),
        (HAPPY, "2026-07-01T18:59:59+02:00", True),
        (HAPPY, "2026-07-01T19:00:00+02:00", False),
        (HAPPY, "2026-12-01T17:30:00+01:00", True),
        # Friday night runs into Saturday, and Thursday night does not run at all.
        (NIGHT, "2026-07-03T22:00:00+02:00", True),
        (NIGHT, "2026-07-04T01:59:59+02:00", True),
        (NIGHT, "2026-07-04T02:00:00+02:00", False),
        (NIGHT, "2026-07-03T01:00:00+02:00", False),
        (NIGHT, "2026-07-04T22:30:00+02:00", False),
        (FRIDAYS, "2026-07-03T00:00:00+02:00", True),
        (FRIDAYS, "2026-07-02T23:59:59+02:00", False),
        (days("2026-06-01", "2026-06-30"), "2026-05-31T23:59:59+02:00", False),
        (days("2026-06-01", "2026-06-30"), "2026-06-01T00:00:00+02:00", True),
        (days("2026-06-01", "2026-06-30"), "2026-06-30T23:59:59+02:00", True),
        (days("2026-06-01", "2026-06-30"), "2026-07-01T00:00:00+02:00", False),
        (days("2026-06-01", ""), "2030-01-01T00:00:00+01:00", True),
        (days("", "2026-06-30", ((1320, 120),)), "2026-07-01T01:00:00+02:00", True),
        (days("2026-06-01", "", ((1320, 120),)), "2026-06-01T01:00:00+02:00", False),
        # The whole day's last minute.
        (Schedule(0, 0, frozenset(), ((1380, 1440),)), "2026-06-01T23:59:59+02:00", True),
        (Schedule(0, 0, frozenset(), ((1380, 1440),)), "2026-06-02T00:00:00+02:00", False),
        # 29 March 2026, 02:00 to 03:00 do not exist: the small hours do not come.
        (SMALL_HOURS, "2026-03-29T01:59:59+01:00", False),
        (SMALL_HOURS, "2026-03-29T03:00:00+02:00", False),
        # 25 October 2026, 02:00 to 03:00 come twice.
        (SMALL_HOURS, "2026-10-25T02:30:00+02:00", True),
        (SMALL_HOURS, "2026-10-25T02:30:00+01:00", True),
        (SMALL_HOURS, "2026-10-25T03:00:00+01:00", False),
        # The night over the change of clocks is an hour shorter or longer, with the same hands of the clock.
        (Schedule(0, 0, frozenset({5}), ((1320, 240),)), "2026-03-29T03:59:59+02:00", True),
        (Schedule(0, 0, frozenset({5}), ((1320, 240),)), "2026-10-25T03:59:59+01:00", True),
        (Schedule(0, 0, frozenset({5}), ((1320, 240),)), "2026-10-25T04:00:00+01:00", False),
    ],
)
def test_a_schedule_runs_by_the_clocks_on_the_wall(schedule: Schedule, at: str, runs: bool) -> None:
    assert schedule.holds(ms(at), BERLIN) is runs


def shop(schedule: Schedule | None, campaign: Campaign | None = None) -> Program:
    base = plain_rule()
    rule = Rule(
        "happy", base.unit, 10, 1, 1, 1, base.pending, None, False, 0, False, (), False, False, True, 0, "", schedule,
        campaign,
    )  # fmt: skip
    return program({"transaction_completed": table(rule)}, zone="Europe/Berlin")


def test_the_schedule_is_judged_at_the_time_the_event_occurred() -> None:
    bench = Bench(shop(HAPPY), start="2026-07-01T20:00:00")

    bench.buy("late", 100, occurred_at_ms=ms("2026-07-01T17:30:00+02:00"))
    bench.buy("now", 100)

    assert bench.balances() == (10, 0, 0, 0)
    (reward,) = bench.of(RewardDecision)[-1].rewards
    assert (reward.value, reward.desired, reward.limited_by) == (0, 10, "schedule")


def test_a_campaign_and_its_rule_must_both_run() -> None:
    bench = Bench(shop(HAPPY, Campaign("july", days("2026-07-01", "2026-07-31"), ())), start="2026-06-30T17:30:00")
    bench.buy("june", 100)
    bench.at("2026-07-01T15:30:00").buy("july", 100)
    bench.at("2026-07-01T20:30:00").buy("evening", 100)

    assert [one.rewards[0].value for one in bench.of(RewardDecision)] == [0, 10, 0]
