"""Awards under a budget: they wait for their grant, keep their dates, and get what was granted."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, moves, program, rule, table
from pool_bench import PoolBench, note_of

from pipeline.core.campaigns import Budget, Campaign, Limit
from pipeline.core.member import Member
from pipeline.core.memory import Output
from pipeline.core.payloads import (
    PoolAnswered,
    SubscriptionRenewed,
    TransactionCompleted,
)
from pipeline.core.program import Period, Program
from pipeline.core.records import RewardDecision
from pipeline.core.reservations import waiting_points
from pipeline.core.tier_policy import Tier
from pipeline.wire.state import pack_member, unpack_member

POOL = "budget:summer"


def budgeted(
    budget: Budget, *, limits: tuple[Limit, ...] = (), pending: Period | None = None, cooldown_ms: int = 0
) -> Program:
    """A point per 100, of a campaign with a budget."""
    return program(
        {
            kind: table(
                rule(
                    "base", limits=limits, pending=pending or Period(0, 0), cooldown_ms=cooldown_ms,
                    campaign=Campaign("summer", None, (), budget),
                )
            )
            for kind in ("transaction_completed", "subscription_renewed")
        },
        tiers=(Tier("bronze", 0, 100), Tier("silver", 50, 100)),
    )  # fmt: skip


def rewards_of(outputs: list[Output]) -> list[tuple[int, int, str]]:
    """(value, desired, limited_by) of the decisions' rewards."""
    return [
        (one.value, one.desired, one.limited_by)
        for decision in outputs
        if isinstance(decision, RewardDecision)
        for one in decision.rewards
    ]


def test_an_award_waits_for_its_grant_and_is_booked_when_it_comes() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))

    asked = bench.buy("e1", 3_000)

    assert rewards_of(asked) == [(0, 30, "waits_for:budget:summer")]
    assert moves(asked) == []
    assert waiting_points(bench.member()) == {"points": 30}
    assert bench.member().tier == "bronze"
    assert rewards_of(bench.answer()) == [(30, 30, "")]
    assert bench.balances() == (30, 0, 0, 0)
    assert waiting_points(bench.member()) == {}


def test_a_grant_keeps_the_dates_of_the_event_that_earned_it() -> None:
    bench = PoolBench(budgeted(Budget(100, 0), pending=Period(0, 14 * DAY_MS)))
    bought_ms = bench.now_ms
    bench.buy("e1", 3_000)

    bench.later(3 * DAY_MS).answer()

    (lot,) = bench.wallet().pending_lots
    assert lot.available_at_ms == bought_ms + 14 * DAY_MS
    assert bench.entries[0].occurred_at_ms == bought_ms
    assert bench.entries[0].rule_id == "base"


def test_a_grant_that_comes_after_the_pending_period_is_available_at_once() -> None:
    bench = PoolBench(budgeted(Budget(100, 0), pending=Period(0, 14 * DAY_MS)))
    bench.buy("e1", 3_000)

    bench.later(20 * DAY_MS).answer()

    assert bench.balances() == (30, 0, 0, 0)


def test_a_clipped_grant_shows_the_desired_beside_the_given() -> None:
    bench = PoolBench(budgeted(Budget(40, 0)))
    bench.buy("e1", 3_000)
    bench.buy("e2", 3_000)
    bench.buy("e3", 3_000)

    assert rewards_of(bench.answer()) == [(30, 30, ""), (10, 30, POOL), (0, 30, POOL)]
    assert bench.balances() == (40, 0, 0, 0)
    assert bench.reason == "nothing_left"


def test_a_budget_of_awards_counts_awards() -> None:
    bench = PoolBench(budgeted(Budget(0, 2)))
    for number in range(3):
        bench.buy(f"e{number}", 3_000)

    bench.answer()

    assert bench.balances() == (60, 0, 0, 0)
    assert [one.amount for one in bench.requests()] == [1, 1, 1]


def test_each_window_of_a_budget_has_a_pool_of_its_own() -> None:
    bench = PoolBench(budgeted(Budget(30, 0, "month")))
    bench.at("2026-01-31T23:00:00").buy("e1", 5_000)
    bench.at("2026-02-01T01:00:00").buy("e2", 5_000)

    bench.answer()

    assert bench.balances() == (60, 0, 0, 0)
    assert sorted(bench.pools.pools) == ["budget:summer/2026-01-01T00:00:00Z", "budget:summer/2026-02-01T00:00:00Z"]


def test_the_award_qualifies_for_a_tier_when_it_is_granted() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 6_000)
    assert bench.member().tier == "bronze"

    bench.answer()

    assert bench.member().tier == "silver"


def test_a_duplicated_answer_is_harmless_and_one_that_nobody_awaits_changes_nothing() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 3_000)
    bench.answer(times=3)
    assert bench.balances() == (30, 0, 0, 0)

    stray = PoolAnswered(bench.requests()[0].request_id, POOL, 30, 30)
    bench.send("another", stray, source="accrue")

    assert bench.reason == "grant_not_awaited"
    assert bench.balances() == (30, 0, 0, 0)


@pytest.mark.parametrize(
    ("payload", "source", "reason"),
    [
        (PoolAnswered("r", POOL, 30, 30), "shop", "reserved_type"),
        (PoolAnswered("", POOL, 30, 30), "accrue", "missing_field"),
        (PoolAnswered("r", "", 30, 30), "accrue", "missing_field"),
        (PoolAnswered("r", POOL, 30, 31), "accrue", "out_of_range"),
        (PoolAnswered("r", POOL, 0, 0), "accrue", "out_of_range"),
    ],
)
def test_an_answer_that_is_forged_or_broken_is_a_dead_letter(payload: PoolAnswered, source: str, reason: str) -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))

    bench.send("forged", payload, source=source)

    assert bench.reason == reason


def test_limits_count_what_waits_and_get_back_what_was_not_granted() -> None:
    limits = (Limit(50, 0, "month"),)
    bench = PoolBench(budgeted(Budget(20, 0), limits=limits))
    bench.buy("e1", 3_000)
    assert rewards_of(bench.buy("e2", 3_000)) == [(0, 30, "waits_for:budget:summer")]
    assert bench.member().windows["base/month"].points == 50

    bench.answer()

    assert bench.balances() == (20, 0, 0, 0)
    window = bench.member().windows["base/month"]
    assert (window.points, window.count) == (20, 1)


def test_a_pause_that_an_award_began_ends_when_nothing_was_left() -> None:
    bench = PoolBench(budgeted(Budget(30, 0), cooldown_ms=DAY_MS))
    bench.buy("e1", 3_000, "other")
    bench.buy("e2", 3_000)
    bench.answer()
    assert bench.member().awarded_at_ms == {}
    assert bench.state.members["other"].awarded_at_ms != {}


def test_a_cancelled_order_gives_back_what_was_granted() -> None:
    bench = PoolBench(budgeted(Budget(30, 0)))
    bench.buy("e1", 3_000)
    bench.answer()

    bench.cancel_order("c1", "order-e1")
    bench.buy("e2", 3_000)
    bench.answer()

    assert bench.balances() == (30, 0, 0, 0)
    assert bench.pools.pools[POOL].given == 30


def test_an_order_that_is_cancelled_before_the_grant_gets_nothing_and_gives_it_back() -> None:
    bench = PoolBench(budgeted(Budget(30, 0), limits=(Limit(50, 0, "month"),)))
    bench.buy("e1", 3_000)
    bench.cancel_order("c1", "order-e1")
    assert waiting_points(bench.member()) == {}
    assert bench.member().windows["base/month"].points == 0

    outputs = bench.answer()

    assert note_of(outputs) == "grant_given_back"
    assert bench.balances() == (0, 0, 0, 0)
    assert bench.pools.pools[POOL].given == 0
    assert bench.member().awaited == {}


def test_an_order_completed_again_waits_for_a_grant_of_its_own() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 3_000)
    bench.send("e2", TransactionCompleted("order-e1", 5_000, "EUR", revision=1))

    bench.answer()

    assert bench.balances() == (50, 0, 0, 0)
    assert bench.pools.pools[POOL].given == 50


def test_a_refund_before_the_grant_takes_its_part_of_what_is_granted() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 4_000)
    bench.refund("r1", "order-e1", 1_000)

    bench.answer()

    assert bench.balances() == (30, 0, 0, 0)
    bench.refund("r2", "order-e1", 3_000)
    assert bench.balances() == (0, 0, 0, 0)


def test_a_refund_after_the_grant_claws_back_as_ever() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 4_000)
    bench.answer()

    bench.refund("r1", "order-e1", 1_000)

    assert bench.balances() == (30, 0, 0, 0)


def test_an_award_without_an_order_waits_too() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.send("s1", SubscriptionRenewed("s", "plan", 3_000, "EUR", 1))

    bench.answer()

    assert bench.balances() == (30, 0, 0, 0)


def test_what_waits_survives_packing() -> None:
    bench = PoolBench(budgeted(Budget(100, 0)))
    bench.buy("e1", 4_000)

    member = unpack_member(pack_member(bench.member()))

    assert isinstance(member, Member)
    assert member == bench.member()
    assert waiting_points(member) == {"points": 40}
