"""Households: points are pooled, a redemption draws on them, and nothing is lost whatever comes between."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, Limit, Reward, moves
from core_programs import program as make
from fraud_signals import signal
from household_bench import POINTS, POOL, family, left, pooled, redeem, sums
from pool_bench import PoolBench

from pipeline.core.fraud_program import FraudProgram
from pipeline.core.payloads import (
    HouseholdJoined,
    HouseholdLeft,
    PointsPooled,
    RedemptionCancelled,
    RedemptionRequested,
)
from pipeline.core.records import FulfillmentCommand, LedgerEntry, Notification, ReviewChange
from pipeline.wire.state import pack_member, unpack_member


def test_points_go_into_the_pool_with_their_dates() -> None:
    bench = PoolBench(family())
    bench.send("j", HouseholdJoined("h"), "bob")
    bench.buy("e1", 1_000, "bob")
    bench.later(DAY_MS).buy("e2", 1_000, "bob")

    outputs = bench.send("p", PointsPooled(15, ""), "bob")
    bench.answer()

    assert [(one.kind, one.amount, one.debit, one.credit) for one in outputs if isinstance(one, LedgerEntry)] == [
        ("transfer", 10, "member:bob:available", "household:h"),
        ("transfer", 5, "member:bob:available", "household:h"),
    ]
    assert [points for _, points in bench.pools.pools[POOL].lots] == [10, 5]
    assert left(bench) == 15


def test_a_redemption_that_one_cannot_pay_draws_on_the_household() -> None:
    bench = pooled(family(), ann=4, bob=20)
    redeem(bench, "r1")
    assert bench.reason == "waits_for_grant"
    assert bench.balances("points", "ann") == (4, 0, 0, 0)

    outputs = bench.answer()

    assert moves(outputs) == [
        ("transfer", 6, "h", "available"),
        ("hold", 4, "available", "held"),
        ("hold", 6, "available", "held"),
    ]
    assert bench.balances("points", "ann") == (0, 0, 10, 0)
    assert left(bench) == 14
    assert [(one.action, one.quantity) for one in bench.of(FulfillmentCommand)] == [("fulfil", 1)]


def test_one_who_can_pay_alone_does() -> None:
    bench = pooled(family(), ann=10, bob=20)

    redeem(bench, "r1")

    assert bench.balances("points", "ann") == (0, 0, 10, 0)
    assert [one.action for one in bench.requests()] == ["load"]


def test_two_at_once_never_overspend_and_nothing_is_refused_while_something_is_left() -> None:
    bench = pooled(family(), ann=0, cat=0, bob=15)
    redeem(bench, "r1", name="ann")
    redeem(bench, "r2", name="cat")

    bench.answer()

    assert bench.balances("points", "ann") == (0, 0, 10, 0)
    assert bench.reason == "nothing_left"
    assert left(bench) == 5, "what did not suffice went back"


def test_as_many_pieces_as_both_can_pay_together() -> None:
    bench = pooled(family(), ann=4, bob=20)
    redeem(bench, "r1", pieces=3)

    bench.answer()

    assert bench.reason == "partly_granted"
    assert bench.balances("points", "ann") == (0, 0, 20, 0)
    assert left(bench) == 4


def test_what_is_void_returns_to_the_household_and_the_own_points_to_their_member() -> None:
    bench = pooled(family(), ann=4, bob=20)
    redeem(bench, "r1", pieces=2)
    bench.answer()
    command = bench.of(FulfillmentCommand)[-1]

    bench.send("c", RedemptionCancelled(command.redemption_id, ""), "ann")
    from_provider = bench.of(FulfillmentCommand)[-1]
    assert from_provider.action == "cancel"
    bench.outcome_of("o", "ann", command, "failed")
    bench.answer()

    assert bench.balances("points", "ann") == (4, 0, 0, 0)
    assert left(bench) == 20
    assert sums(bench)["household:h"] == 20


def test_a_part_that_is_delivered_is_redeemed_and_the_rest_returns() -> None:
    bench = pooled(family(), ann=4, bob=20)
    redeem(bench, "r1", pieces=2)
    bench.answer()

    bench.outcome_of("o", "ann", bench.of(FulfillmentCommand)[-1], "confirmed", quantity=1)
    bench.answer()

    assert sums(bench)["program:redeemed"] == 10
    assert bench.balances("points", "ann")[0] + left(bench) == 14


def test_points_that_expire_in_the_pool_are_not_given_and_are_booked() -> None:
    bench = pooled(family(), ann=0, bob=20)
    bench.later(300 * DAY_MS).buy("late", 500, "bob")
    bench.send("late-pool", PointsPooled(5, ""), "bob")
    bench.later(100 * DAY_MS)
    redeem(bench, "r1")

    bench.answer()

    assert bench.reason == "nothing_left"
    assert sums(bench)["program:expired"] == 20
    assert left(bench) == 5 == sums(bench)["household:h"]


def test_one_who_cancels_before_the_answer_gets_nothing() -> None:
    bench = pooled(family(), ann=0, bob=20)
    redeem(bench, "r1")
    redeem_again = RedemptionRequested("r-r1", "mug", 1, "")
    bench.send("again", redeem_again, "ann")
    assert bench.reason == "redemption_exists"

    bench.send("c", RedemptionCancelled("r-r1", ""), "ann")
    bench.answer()

    assert bench.reason == "grant_given_back"
    assert (bench.balances("points", "ann"), left(bench)) == ((0, 0, 0, 0), 20)


def test_what_changed_while_the_household_was_asked_counts() -> None:
    bench = pooled(family(Reward("mug", POINTS, 10, "external", (), (Limit(0, 1, "day"),))), ann=0, bob=40)
    redeem(bench, "r1")
    redeem(bench, "r2")

    bench.answer()

    assert bench.reason == "limit_reached"
    assert (bench.balances("points", "ann"), left(bench)) == ((0, 0, 10, 0), 30)


def test_a_reward_with_stock_asks_for_its_pieces_then() -> None:
    bench = pooled(family(Reward("mug", POINTS, 10, "external", (), (), stock=1)), ann=0, bob=40)
    redeem(bench, "r1", pieces=2)

    bench.answer()

    assert bench.reason == "partly_granted"
    assert (bench.balances("points", "ann"), left(bench)) == ((0, 0, 10, 0), 30)
    assert bench.pools.pools["stock:mug"].given == 1


def test_a_redemption_under_review_waits_for_its_verdict() -> None:
    fraud = FraudProgram((signal("redemptions", 0, every="day", action="review"),), {})
    bench = pooled(family(fraud=fraud), ann=0, bob=40)
    redeem(bench, "r1")
    bench.answer()
    assert bench.of(FulfillmentCommand) == []

    bench.send_verdict("v", "ann", bench.of(ReviewChange)[-1].review_id, "reject")
    bench.answer()

    assert (bench.balances("points", "ann"), left(bench)) == ((0, 0, 0, 0), 40)


def test_the_member_is_told_when_the_household_has_answered() -> None:
    programme = family()
    programme.notifies = frozenset({"redemption_held"})
    bench = pooled(programme, ann=0, bob=40)
    redeem(bench, "r1")
    assert bench.of(Notification) == []

    bench.answer()

    assert [(one.kind, one.points, one.redemption_id) for one in bench.of(Notification)] == [
        ("redemption_held", 10, "r-r1")
    ]


def test_who_leaves_leaves_what_was_pooled_and_draws_no_more() -> None:
    bench = pooled(family(), ann=0, bob=20)
    bench.send("l1", HouseholdLeft("h"), "bob")
    assert left_after(bench) == 20

    redeem(bench, "r1", name="bob")
    assert bench.reason == "insufficient_points"
    bench.send("l2", HouseholdLeft("h"), "bob")
    assert bench.reason == "not_in_household"
    bench.send("j2", HouseholdJoined("other"), "bob")
    assert bench.reason == ""
    bench.send("j3", HouseholdJoined("h"), "bob")
    assert bench.reason == "in_a_household"


def left_after(bench: PoolBench) -> int:
    bench.answer()
    return left(bench)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (PointsPooled(4, ""), "transfer_too_small"),
        (PointsPooled(21, ""), "insufficient_points"),
        (PointsPooled(5, "miles"), "pooling_not_allowed"),
        (PointsPooled(5, "stars"), "unknown_unit"),
        (PointsPooled(0, ""), "out_of_range"),
        (HouseholdJoined(""), "missing_field"),
    ],
)
def test_what_cannot_be_pooled_is_refused(payload: PointsPooled | HouseholdJoined, reason: str) -> None:
    bench = pooled(family(), ann=20)

    bench.send("p", payload, "ann")

    assert bench.reason == reason


def test_without_households_in_the_programme_nobody_joins() -> None:
    bench = PoolBench(make())

    bench.send("j", HouseholdJoined("h"))

    assert bench.reason == "pooling_not_allowed"


def test_one_who_owes_points_does_not_draw() -> None:
    bench = pooled(family(), ann=10, bob=40)
    redeem(bench, "r0")
    bench.refund("back", "order-buy-ann", 1_000, "ann")
    assert bench.balances("points", "ann")[3] == 10

    redeem(bench, "r1")

    assert bench.reason == "insufficient_points"


def test_what_is_asked_and_held_survives_packing() -> None:
    bench = pooled(family(), ann=4, bob=20)
    redeem(bench, "r1")
    assert unpack_member(pack_member(bench.member("ann"))) == bench.member("ann")
    bench.answer()

    member = unpack_member(pack_member(bench.member("ann")))

    assert member == bench.member("ann")
    assert (member.household, member.holds["r-r1"].household) == ("h", POOL)
