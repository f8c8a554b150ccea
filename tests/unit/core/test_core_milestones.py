"""Streaks with grace, achievements, and rates by tier."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, Bench, Limit, Period, RewardDecision, Tier, ms, program, table
from core_programs import rule as plain_rule

from pipeline.core.awards import points_for
from pipeline.core.milestones import Milestone
from pipeline.core.program import Program, Rule
from pipeline.core.schedules import Schedule
from pipeline.core.wallet import Window

NONE = Period(0, 0)
EVERY_THIRD_DAY = Milestone("day", 3, 0, True)


def rule(
    milestone: Milestone | None,
    *,
    schedule: Schedule | None = None,
    limits: tuple[Limit, ...] = (),
    live: bool = True,
    tier_rates: dict[str, tuple[int, int]] | None = None,
) -> Rule:
    unit = plain_rule().unit
    return Rule(
        "it", unit, 0 if tier_rates else 10, 100, 1, 1, NONE, None, False, 0, False, limits, False, True, live, 0, "",
        schedule, None, milestone, tier_rates,
    )  # fmt: skip


def shop(milestone: Milestone, zone: str = "Europe/Berlin", **more: object) -> Program:
    return program({"transaction_completed": table(rule(milestone, **more))}, zone=zone)  # type: ignore[arg-type]


def values(bench: Bench, *times: str) -> list[int]:
    """What the rule gives for purchases at these times."""
    for at in times:
        bench.at(at).buy(f"e{at}", 100)
    return [one.rewards[0].value for one in bench.of(RewardDecision)]


def test_a_streak_gives_at_every_nth_day_in_a_row() -> None:
    days = [f"2026-05-{day:02d}T12:00:00" for day in range(1, 8)]
    bench = Bench(shop(EVERY_THIRD_DAY))

    assert values(bench, *days) == [0, 0, 10, 0, 0, 10, 0]
    assert [one.rewards[0].limited_by for one in bench.of(RewardDecision)][:3] == ["streak:1/3", "streak:2/3", ""]


def test_a_streak_that_awards_once_gives_at_exactly_n_and_again_after_a_break() -> None:
    days = [f"2026-05-{day:02d}T12:00:00" for day in (1, 2, 3, 4, 6, 7)]

    assert values(Bench(shop(Milestone("day", 2, 0, False))), *days) == [0, 10, 0, 0, 0, 10]


def test_a_second_event_of_a_day_counts_once() -> None:
    times = ("2026-05-01T12:00:00", "2026-05-01T13:00:00", "2026-05-02T12:00:00", "2026-05-02T13:00:00")

    assert values(Bench(shop(Milestone("day", 2, 0, True))), *times) == [0, 0, 10, 0]


@pytest.mark.parametrize(("grace", "expected"), [(0, [0, 0, 0]), (1, [0, 0, 10])])
def test_grace_forgives_days_that_are_missing(grace: int, expected: list[int]) -> None:
    times = ("2026-05-01T12:00:00", "2026-05-03T12:00:00", "2026-05-05T12:00:00")

    assert values(Bench(shop(Milestone("day", 3, grace, True))), *times) == expected


def test_a_streak_of_weeks_counts_weeks_from_monday() -> None:
    times = ("2026-05-03T12:00:00", "2026-05-04T12:00:00", "2026-05-17T12:00:00")

    assert values(Bench(shop(Milestone("week", 3, 0, True))), *times) == [0, 0, 10]


def test_days_are_those_of_the_zone_also_when_clocks_change() -> None:
    times = ("2026-03-28T22:30:00", "2026-03-28T23:30:00", "2026-03-29T22:30:00")  # 28, 29 and 30 March in Berlin

    assert values(Bench(shop(EVERY_THIRD_DAY)), *times) == [0, 0, 10]
    assert values(Bench(shop(EVERY_THIRD_DAY, "UTC")), *times) == [0, 0, 0]


def test_a_late_event_neither_continues_nor_breaks_a_streak() -> None:
    bench = Bench(shop(EVERY_THIRD_DAY), start="2026-05-02T12:00:00")
    bench.buy("e1", 100)
    bench.later(DAY_MS).buy("e2", 100)
    bench.buy("late", 100, occurred_at_ms=ms("2026-04-20"))
    bench.later(DAY_MS).buy("e3", 100)

    assert [one.rewards[0].value for one in bench.of(RewardDecision)] == [0, 0, 0, 10]


def test_an_achievement_is_given_once_when_the_counter_reaches_n() -> None:
    bench = Bench(shop(Milestone("", 3, 0, False)))

    times = [f"2026-05-0{day}T12:00:00" for day in range(1, 6)]
    assert values(bench, *times) == [0, 0, 10, 0, 0]
    assert [one.rewards[0].limited_by for one in bench.of(RewardDecision)] == [
        "achievement:1/3",
        "achievement:2/3",
        "",
        "achieved",
        "achieved",
    ]


def test_an_achievement_that_a_limit_suppresses_waits_for_the_next_event() -> None:
    limited = shop(Milestone("", 1, 0, False), limits=(Limit(4, 0, "day"),))
    bench = Bench(limited)
    bench.enrol()
    bench.member().windows["it/day"] = Window(ms("2026-01-09T23:00:00"), 4, 1)
    bench.buy("e1", 100)
    bench.later(DAY_MS).buy("e2", 100)

    assert [one.rewards[0].value for one in bench.of(RewardDecision)[1:]] == [0, 4]
    bench.later(DAY_MS).buy("e3", 100)
    assert bench.of(RewardDecision)[-1].rewards[0].limited_by == "achieved"


def test_events_outside_the_schedule_do_not_count() -> None:
    weekdays = Schedule(0, 0, frozenset(range(5)), ())
    bench = Bench(shop(Milestone("", 2, 0, False), schedule=weekdays))

    # Friday, Saturday, Monday
    assert values(bench, "2026-05-01T12:00:00", "2026-05-02T12:00:00", "2026-05-04T12:00:00") == [0, 0, 10]


def test_a_shadow_rule_makes_no_progress() -> None:
    bench = Bench(shop(Milestone("", 2, 0, False), live=False))
    values(bench, "2026-05-01T12:00:00", "2026-05-02T12:00:00")

    assert bench.member().progress == {}


def test_each_tier_has_a_rate_of_its_own() -> None:
    by_tier = rule(None, tier_rates={"bronze": (1, 1), "gold": (5, 2)})
    tiers = (Tier("bronze", 0, 100), Tier("gold", 10, 100))
    bench = Bench(program({"transaction_completed": table(by_tier)}, tiers=tiers))
    bench.buy("e1", 1_000)
    bench.buy("e2", 1_000)

    assert [one.rewards[0].value for one in bench.of(RewardDecision)] == [10, 25]
    assert bench.member().tier == "gold"
    # A member without a tier, or with one of a former programme, earns at the lowest tier's rate.
    assert points_for(by_tier, 1_000, 100, "") == points_for(by_tier, 1_000, 100, "platinum") == 10
