"""Refunds: proportional clawback by policy, debt, and what a refund cannot do."""

import pytest
from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    Bench,
    Period,
    Reward,
    moves,
    program,
    rule,
    table,
)

from pipeline.core.payloads import TransactionRefunded

VOUCHER = Reward("voucher", FLOOR_POINTS, 1, "external", (), ())


def shop(clawback: str = "within_balance", *, pending: Period | None = None, rate: tuple[int, int] = (1, 1)) -> Bench:
    base = rule(rate=rate) if pending is None else rule(pending=pending, rate=rate)
    return Bench(program({"transaction_completed": table(base)}, rewards=[VOUCHER], clawback=clawback))


def test_a_refund_claws_back_its_share_cumulatively_rounded_down() -> None:
    bench = shop()
    bench.buy("e1", 1_000)

    taken = [moves(bench.refund(f"r{number}", "order-e1", 333)) for number in range(3)]

    assert taken == [[("clawback", points, "available", "clawed_back")] for points in (3, 3, 3)]
    assert moves(bench.refund("r4", "order-e1", 1)) == [("clawback", 1, "available", "clawed_back")]
    assert bench.balances() == (0, 0, 0, 0)


def test_a_share_below_a_point_takes_nothing_yet() -> None:
    bench = shop()
    bench.buy("e1", 1_000)

    assert moves(bench.refund("r1", "order-e1", 99)) == []
    assert bench.reason == ""
    assert moves(bench.refund("r2", "order-e1", 1)) == [("clawback", 1, "available", "clawed_back")]


def test_a_refund_of_more_than_was_paid_is_refused() -> None:
    bench = shop()
    bench.buy("e1", 1_000)
    bench.refund("r1", "order-e1", 600)

    bench.refund("r2", "order-e1", 401)

    assert bench.reason == "refund_exceeds_order"
    assert bench.balances() == (4, 0, 0, 0)


def test_a_refund_in_another_currency_is_refused() -> None:
    bench = Bench(program(currencies=frozenset({"EUR", "USD"})))
    bench.buy("e1", 1_000)

    bench.send("r1", TransactionRefunded("order-e1", 1_000, "USD", ""))

    assert bench.reason == "currency_differs"


def test_a_second_purchase_of_the_same_order_is_refused() -> None:
    bench = shop()
    bench.buy("e1", 1_000, order_id="o")

    bench.buy("e2", 5_000, order_id="o")

    assert bench.reason == "order_exists"
    assert bench.balances() == (10, 0, 0, 0)


def test_pending_points_are_clawed_back_from_pending() -> None:
    for policy in ("only_pending", "within_balance", "unlimited"):
        bench = shop(policy, pending=Period(0, DAY_MS))
        bench.buy("e1", 1_000)

        assert moves(bench.refund("r1", "order-e1", 400)) == [("clawback", 4, "pending", "clawed_back")]
        assert moves(bench.later(DAY_MS).enrol()) == [("release", 6, "pending", "available")]


def test_a_pending_lot_clawed_back_whole_leaves_nothing_to_owe() -> None:
    for policy in ("only_pending", "within_balance", "unlimited"):
        bench = shop(policy, pending=Period(0, DAY_MS))
        bench.adjust("a1", 5)
        bench.buy("e1", 1_000)

        assert moves(bench.refund("r1", "order-e1", 1_000)) == [("clawback", 10, "pending", "clawed_back")]
        assert bench.balances() == (5, 0, 0, 0)


def test_an_orders_pending_lots_are_clawed_back_before_its_available_ones() -> None:
    both = table(rule("now"), rule("later", pending=Period(0, DAY_MS)))
    bench = Bench(program({"transaction_completed": both}))
    bench.buy("e1", 1_000)

    assert moves(bench.refund("r1", "order-e1", 1_000)) == [
        ("clawback", 10, "pending", "clawed_back"),
        ("clawback", 10, "available", "clawed_back"),
    ]


def test_only_pending_leaves_what_is_available() -> None:
    bench = shop("only_pending")
    bench.buy("e1", 1_000)

    assert moves(bench.refund("r1", "order-e1", 1_000)) == []
    assert bench.reason == ""
    assert bench.balances() == (10, 0, 0, 0)


def test_a_lot_partly_spent_is_made_up_from_other_lots_in_burn_order() -> None:
    bench = shop()
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=6)
    bench.outcome("o1", "redemption-s1", "confirmed")
    bench.buy("e2", 1_000)

    outputs = bench.refund("r1", "order-e1", 1_000)

    assert moves(outputs) == [("clawback", 4, "available", "clawed_back"), ("clawback", 6, "available", "clawed_back")]
    assert [entry.lot for entry in bench.entries[-2:]] == [1, bench.entries[3].seq]
    assert bench.balances() == (4, 0, 0, 0)


def test_within_balance_forgives_what_was_redeemed_and_does_not_take_it_later() -> None:
    bench = shop()
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=10)
    bench.outcome("o1", "redemption-s1", "confirmed")

    assert moves(bench.refund("r1", "order-e1", 500)) == []
    bench.buy("e2", 1_000)
    assert moves(bench.refund("r2", "order-e1", 500)) == [("clawback", 5, "available", "clawed_back")]
    assert bench.balances() == (5, 0, 0, 0)


def test_points_on_hold_are_still_balance_and_are_owed_until_the_hold_ends() -> None:
    bench = shop()
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=7)

    outputs = bench.refund("r1", "order-e1", 1_000)

    assert moves(outputs) == [("clawback", 3, "available", "clawed_back"), ("clawback", 7, "debt", "clawed_back")]
    assert bench.balances() == (0, 0, 7, 7)
    bench.outcome("o1", "redemption-s1", "failed")
    assert bench.balances() == (0, 0, 0, 0)


def test_within_balance_owes_no_more_than_is_held() -> None:
    bench = shop()
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=6)
    bench.outcome("o1", "redemption-s1", "confirmed")
    bench.redeem("s2", quantity=4)

    bench.refund("r1", "order-e1", 1_000)

    assert bench.balances() == (0, 0, 4, 4)


def test_several_refunds_together_owe_no_more_than_is_held() -> None:
    bench = shop()
    for event_id in ("e1", "e2"):
        bench.buy(event_id, 1_000)
    bench.redeem("s1", quantity=12)
    bench.outcome("o1", "redemption-s1", "confirmed")
    bench.redeem("s2", quantity=8)

    bench.refund("r1", "order-e1", 1_000)
    bench.refund("r2", "order-e2", 1_000)

    assert bench.balances() == (0, 0, 8, 8)


def test_unlimited_makes_debt_and_later_earnings_repay_it_first() -> None:
    bench = shop("unlimited")
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=10)
    bench.outcome("o1", "redemption-s1", "confirmed")

    assert moves(bench.refund("r1", "order-e1", 1_000)) == [("clawback", 10, "debt", "clawed_back")]
    assert bench.balances() == (0, 0, 0, 10)
    assert moves(bench.buy("e2", 600)) == [("earn", 6, "issued", "available"), ("debt", 6, "available", "debt")]
    assert moves(bench.buy("e3", 600)) == [("earn", 6, "issued", "available"), ("debt", 4, "available", "debt")]
    assert bench.balances() == (2, 0, 0, 0)


def test_pending_earnings_repay_debt_when_they_are_released() -> None:
    bench = shop("unlimited", pending=Period(0, DAY_MS))
    bench.buy("e1", 1_000)
    bench.later(DAY_MS).redeem("s1", quantity=10)
    bench.outcome("o1", "redemption-s1", "confirmed")
    bench.refund("r1", "order-e1", 1_000)

    assert moves(bench.buy("e2", 1_500)) == [("earn", 15, "issued", "pending")]
    assert moves(bench.later(DAY_MS).enrol()) == [
        ("release", 15, "pending", "available"),
        ("debt", 10, "available", "debt"),
    ]
    assert bench.balances() == (5, 0, 0, 0)


def test_points_given_by_hand_repay_debt_too() -> None:
    bench = shop("unlimited")
    bench.buy("e1", 1_000)
    bench.redeem("s1", quantity=10)
    bench.outcome("o1", "redemption-s1", "confirmed")
    bench.refund("r1", "order-e1", 1_000)

    assert moves(bench.adjust("a1", 15)) == [("adjust", 15, "adjusted", "available"), ("debt", 10, "available", "debt")]


def test_each_lot_of_an_order_is_clawed_back_by_its_own_share() -> None:
    both = table(rule("one", fixed=3), rule("two", fixed=10))
    bench = Bench(program({"transaction_completed": both}))
    bench.buy("e1", 1_000)

    bench.refund("r1", "order-e1", 500)

    assert [(entry.lot, entry.amount) for entry in bench.entries[2:]] == [(1, 1), (2, 5)]


@pytest.mark.parametrize("amount", [0, 1_000])
def test_an_order_that_earned_nothing_can_be_refunded_if_it_was_paid(amount: int) -> None:
    bench = shop(rate=(0, 1))
    bench.buy("e1", amount)

    outputs = bench.refund("r1", "order-e1", 1_000)

    assert moves(outputs) == []
    assert bench.reason == ("" if amount else "refund_exceeds_order")
