"""What comes back when an order or a redemption is undone: sliding points, and uses of campaigns and rolling limits."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, Bench, Limit, Period, Reward, RewardDecision, Unit, moves, ms, program, rule, table

from pipeline.core.campaigns import Campaign
from pipeline.core.milestones import Milestone
from pipeline.core.payloads import RedemptionConfirmed, TransactionCancelled, TransactionCompleted
from pipeline.core.program import Program, Rule

SLIDING = Unit("points", "floor", Period(12, 0), sliding=True)
BY_BOTH = Unit("points", "floor", Period(12, 0), sliding=True, slides_by_redeeming=True)


def shop(unit: Unit) -> Program:
    tour = Reward("tour", unit, 5, "external", (), (), confirm=True, timeout_ms=400 * DAY_MS)
    return program({"transaction_completed": table(rule(unit=unit))}, units=(unit,), rewards=[tour])


def pay(bench: Bench, event_id: str, points: int, amount_minor: int = 1_000) -> None:
    payload = TransactionCompleted("paid", amount_minor, "EUR", points_paid=points, points_paid_minor=amount_minor)
    bench.send(event_id, payload)


def test_sliding_points_paid_for_an_order_expire_at_once_if_the_others_did_before_they_return() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    pay(bench, "e2", 4)

    outputs = bench.at("2027-02-10").refund("e3", "paid", 1_000)

    assert [move[:2] for move in moves(outputs)] == [("expire", 6), ("return", 4), ("expire", 4)]
    assert bench.balances() == (0, 0, 0, 0)


def test_sliding_points_paid_for_an_order_live_on_with_the_others() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    pay(bench, "e2", 4)
    bench.at("2026-12-10").buy("e3", 100)

    outputs = bench.at("2027-02-10").refund("e4", "paid", 1_000)

    assert [move[:2] for move in moves(outputs)] == [("return", 4)]
    assert bench.balances() == (11, 0, 0, 0)


def test_paying_with_points_prolongs_where_redeeming_does() -> None:
    for unit, until in ((SLIDING, "2027-01-10T12:00:00"), (BY_BOTH, "2027-06-01")):
        bench = Bench(shop(unit), start="2026-01-10T12:00:00")
        bench.buy("e1", 1_000)
        pay(bench.at("2026-06-01"), "e2", 4)

        assert bench.wallet().slides_until_ms == ms(until)


def test_a_hold_that_times_out_after_its_points_lapsed_expires_them() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.redeem("r", "tour")

    while not bench.engine.tick("live", ms("2027-02-20"), 10):
        pass

    assert [move[:2] for move in moves(bench.out.journal)][-3:] == [("expire", 5), ("void", 5), ("expire", 5)]


def limited(*limits: Limit, campaign: Campaign | None = None, milestone: Milestone | None = None) -> Bench:
    base = rule(fixed=10, limits=limits)
    made = Rule(
        "base", base.unit, 10, 1, 1, 1, base.pending, None, False, 0, False, limits, False, False, True,
        campaign=campaign, milestone=milestone,
    )  # fmt: skip
    return Bench(program({"transaction_completed": table(made)}))


def given_after_cancelling(bench: Bench) -> int:
    """What a second purchase earns whose first one was cancelled."""
    bench.buy("e1", 1_000, order_id="o")
    bench.send("e2", TransactionCancelled("o"))
    bench.later(DAY_MS).buy("e3", 1_000)
    return bench.of(RewardDecision)[-1].rewards[0].value


def test_a_cancellation_gives_back_what_the_order_used_of_a_rolling_limit() -> None:
    assert given_after_cancelling(limited(Limit(15, 0, "rolling:30d", 30 * DAY_MS))) == 10


def test_a_cancellation_gives_back_what_the_order_used_of_a_campaign() -> None:
    limits = (Limit(15, 0, "month"), Limit(0, 1, "rolling:9d", 9 * DAY_MS))

    assert given_after_cancelling(limited(campaign=Campaign("summer", None, limits))) == 10


def test_streaks_and_achievements_keep_what_a_cancelled_order_counted() -> None:
    assert given_after_cancelling(limited(milestone=Milestone("day", 2, 0, True))) == 10
    assert given_after_cancelling(limited(milestone=Milestone("", 2, 0, False))) == 10


@pytest.mark.parametrize(
    "milestone", [Milestone("day", 2, 0, True), Milestone("", 2, 0, False)], ids=["streak", "achieved"]
)
def test_what_a_milestone_gave_for_a_cancelled_order_comes_back(milestone: Milestone) -> None:
    bench = limited(milestone=milestone)
    bench.buy("e1", 1_000)
    bench.later(DAY_MS).buy("e2", 1_000)
    assert bench.balances()[0] == 10

    bench.send("c", TransactionCancelled("order-e2"))

    assert bench.balances()[0] == 0
    bench.later(DAY_MS).buy("e3", 1_000)
    assert bench.balances()[0] == 0, "what was counted stays: the streak's next multiple is the fourth day"


def test_a_part_that_is_confirmed_gives_back_the_rest_of_a_rolling_limit() -> None:
    unit = program().default_unit
    tour = Reward("tour", unit, 5, "external", (), (Limit(0, 3, "rolling:9d", 9 * DAY_MS),), confirm=True)
    bench = Bench(program(rewards=[tour]))
    bench.buy("e1", 10_000)
    bench.redeem("r1", "tour", 3)

    bench.send("c", RedemptionConfirmed("redemption-r1", 1))

    bench.redeem("r2", "tour", 3)
    assert bench.reason == "limit_reached"
    bench.redeem("r3", "tour", 2)
    assert bench.reason == ""
