"""Rolling limits: bounded in state, never more than the limit within their length."""

from __future__ import annotations

import random

from core_programs import DAY_MS, HOUR_MS, Bench, Limit, Reward, RewardDecision, program, rule, table

from pipeline.core import rolling
from pipeline.core.program import Program


def shop(*limits: Limit, reward_limit: Limit | None = None) -> Program:
    rewards = [Reward("voucher", rule().unit, 5, "external", (), (reward_limit,) if reward_limit else ())]
    return program({"transaction_completed": table(rule(limits=limits))}, rewards=rewards)


MONTH = Limit(100, 0, "rolling:30d", 30 * DAY_MS)


def test_points_are_clipped_within_any_30_days() -> None:
    bench = Bench(shop(MONTH))
    bench.buy("e1", 8_000)
    bench.later(20 * DAY_MS).buy("e2", 8_000)
    reward = bench.of(RewardDecision)[-1].rewards[0]
    assert (reward.value, reward.desired, reward.limited_by) == (20, 80, "limit:points/rolling:30d")

    bench.later(10 * DAY_MS).buy("e3", 8_000)
    assert bench.balances() == (100, 0, 0, 0)
    bench.later(2 * DAY_MS).buy("e4", 8_000)
    assert bench.balances() == (180, 0, 0, 0)


def test_what_was_used_is_free_again_a_bucket_late_at_most() -> None:
    """A bucket of a 24-hour window is an hour."""
    bench = Bench(shop(Limit(0, 1, "rolling:1d", DAY_MS)), start="2026-01-10T12:30:00")
    bench.buy("e1", 100)
    bench.later(DAY_MS).buy("e2", 100)
    assert bench.balances() == (1, 0, 0, 0)

    bench.later(HOUR_MS).buy("e3", 100)

    assert bench.balances() == (2, 0, 0, 0)


def test_no_window_ever_holds_more_than_the_limit_and_state_is_bounded() -> None:
    chance = random.Random(5)
    bench = Bench(shop(Limit(50, 0, "rolling:1d", DAY_MS)))
    given: list[tuple[int, int]] = []
    for number in range(400):
        bench.later(chance.randrange(1, 4 * HOUR_MS)).buy(f"e{number}", chance.randrange(0, 2_500))
        given.append((bench.now_ms, bench.of(RewardDecision)[-1].rewards[0].value))
        window = [points for at_ms, points in given if at_ms > bench.now_ms - DAY_MS]
        assert sum(window) <= 50
        assert len(bench.member().rolling["base/rolling:1d"]) <= rolling.BUCKETS + 1
    assert sum(points for _, points in given) > 50 * 20


def test_a_late_event_counts_in_the_newest_window() -> None:
    bench = Bench(shop(MONTH))
    bench.buy("e1", 9_000)
    bench.buy("late", 9_000, occurred_at_ms=bench.now_ms - 60 * DAY_MS)

    assert bench.balances() == (100, 0, 0, 0)
    assert len(bench.member().rolling["base/rolling:30d"]) == 1


def test_a_failed_redemption_gives_back_what_it_used_of_a_rolling_limit() -> None:
    bench = Bench(shop(reward_limit=Limit(0, 1, "rolling:30d", 30 * DAY_MS)))
    bench.buy("e1", 10_000)
    bench.redeem("r1")
    bench.redeem("r2")
    assert bench.reason == "limit_reached"

    bench.later(DAY_MS).outcome("f", "redemption-r1", "failed")
    bench.redeem("r3")

    assert bench.reason == ""


def test_a_redemption_that_fails_after_its_window_gives_nothing_back() -> None:
    bench = Bench(shop(reward_limit=Limit(0, 1, "rolling:1d", DAY_MS)))
    bench.buy("e1", 10_000)
    bench.redeem("r1")
    bench.later(3 * DAY_MS).redeem("r2")
    bench.outcome("f", "redemption-r1", "failed")
    bench.redeem("r3")

    assert bench.reason == "limit_reached"
