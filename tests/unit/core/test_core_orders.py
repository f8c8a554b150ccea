"""Orders: refunds by item, points paid, refunds before the purchase, cancellation and completion again."""

import pytest
from core_programs import DAY_MS, FLOOR_POINTS, NONE, Bench, Limit, Output, Period, Tier, moves, program, rule, table

from pipeline.core.payloads import Line, RefundLine, TransactionCancelled, TransactionCompleted, TransactionRefunded

LINES = [Line("1", "cup", "", 2, 600), Line("2", "tea", "", 1, 600), Line("3", "coupon", "", 1, -200)]


def complete(bench: Bench, event_id: str, amount: int = 1_000, **changes: object) -> list[Output]:
    payload = TransactionCompleted("o", amount, "EUR")
    for name, value in changes.items():
        setattr(payload, name, value)
    return bench.send(event_id, payload)


def back(bench: Bench, event_id: str, *lines: RefundLine, amount: int = 0) -> list[Output]:
    return bench.send(event_id, TransactionRefunded("o", amount, "EUR", lines=list(lines)))


def cancel(bench: Bench, event_id: str, revision: int = 0) -> list[Output]:
    return bench.send(event_id, TransactionCancelled("o", revision))


def test_a_refund_by_item_takes_the_items_share_of_what_was_paid() -> None:
    """The coupon is spread over the lines that cost something: each of the two lines is worth half of what was paid."""
    bench = Bench()
    complete(bench, "e1", lines=LINES)

    assert moves(back(bench, "r1", RefundLine("1", 1))) == [("clawback", 2, "available", "clawed_back")]
    assert moves(back(bench, "r2", RefundLine("1"))) == [("clawback", 3, "available", "clawed_back")]
    assert moves(back(bench, "r3", RefundLine("2"))) == [("clawback", 5, "available", "clawed_back")]
    assert bench.balances() == (0, 0, 0, 0)


def test_a_refund_by_item_may_say_what_was_paid_back() -> None:
    bench = Bench()
    complete(bench, "e1", lines=LINES)

    assert moves(back(bench, "r1", RefundLine("1"), amount=100)) == [("clawback", 1, "available", "clawed_back")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (RefundLine("9"), "line_unknown"),
        (RefundLine("3"), "line_unknown"),
        (RefundLine("1", 3), "refund_exceeds_line"),
        (RefundLine("2", 2), "refund_exceeds_line"),
    ],
)
def test_an_item_that_was_not_bought_is_not_refunded(line: RefundLine, reason: str) -> None:
    bench = Bench()
    complete(bench, "e1", lines=LINES)

    assert moves(back(bench, "r1", line)) == []
    assert bench.reason == reason


def test_an_item_comes_back_once() -> None:
    bench = Bench()
    complete(bench, "e1", lines=LINES)
    back(bench, "r1", RefundLine("2"))

    back(bench, "r2", RefundLine("2"))

    assert bench.reason == "refund_exceeds_line"


def test_points_are_never_earned_on_the_part_paid_with_points() -> None:
    bench = Bench()
    bench.adjust("a1", 40)

    assert moves(complete(bench, "e1", points_paid=40, points_paid_minor=400)) == [
        ("redeem", 40, "available", "redeemed"),
        ("earn", 6, "issued", "available"),
    ]


def test_a_purchase_paid_with_points_that_are_not_there_is_refused() -> None:
    bench = Bench()
    bench.adjust("a1", 39)

    assert moves(complete(bench, "e1", points_paid=40, points_paid_minor=400)) == []
    assert bench.reason == "insufficient_points"
    assert bench.balances() == (39, 0, 0, 0)


def test_a_refused_purchase_of_an_unknown_member_leaves_no_member() -> None:
    bench = Bench(program(tiers=(Tier("bronze", 0, 100),)))

    assert len(complete(bench, "e1", points_paid=40)) == 1
    assert bench.state.members == {}


def test_a_refund_gives_back_the_points_part_with_its_expiry() -> None:
    """In proportion, what was burned last first: as if only the rest had been spent."""
    soon = table(rule("soon", fixed=10, expires=Period(0, 5 * DAY_MS)), rule("late", fixed=10, expires=NONE))
    bench = Bench(program({"member_enrolled": soon}))
    bench.enrol()
    complete(bench, "e1", points_paid=16, points_paid_minor=500)

    assert moves(bench.refund("r1", "o", 500)) == [
        ("return", 6, "redeemed", "available"),
        ("return", 2, "redeemed", "available"),
    ]
    assert [(lot.points, bool(lot.expires_at_ms)) for lot in bench.wallet().lots] == [(2, True), (10, False)]
    assert moves(bench.later(6 * DAY_MS).refund("r2", "o", 500)) == [
        ("expire", 2, "available", "expired"),
        ("return", 8, "redeemed", "available"),
        ("expire", 8, "available", "expired"),
    ]
    assert bench.balances() == (10, 0, 0, 0)


def test_a_programme_can_keep_the_points_part() -> None:
    bench = Bench(program(returns_points=False))
    bench.adjust("a1", 40)
    complete(bench, "e1", points_paid=40, points_paid_minor=400)

    assert moves(bench.refund("r1", "o", 1_000)) == [("clawback", 6, "available", "clawed_back")]


def test_a_refund_before_the_purchase_waits_and_is_applied_when_it_arrives() -> None:
    bench = Bench()
    bench.enrol()

    assert moves(bench.refund("r1", "o", 400)) == []
    assert bench.reason == "waits_for_order"
    assert moves(bench.later(30 * DAY_MS).buy("e1", 1_000, order_id="o")) == [
        ("earn", 10, "issued", "available"),
        ("clawback", 4, "available", "clawed_back"),
    ]
    assert [(entry.event_id, entry.kind) for entry in bench.entries] == [("e1", "earn"), ("r1", "clawback")]
    assert bench.member().event_counts["transaction_refunded"] == 1
    assert moves(bench.refund("r2", "o", 600)) == [("clawback", 6, "available", "clawed_back")]


def test_a_waiting_refund_is_repeated_once() -> None:
    bench = Bench()
    bench.enrol()
    bench.refund("r1", "o", 400)
    bench.refund("r1", "o", 400)

    assert moves(bench.buy("e1", 1_000, order_id="o"))[1:] == [("clawback", 4, "available", "clawed_back")]


def test_a_waiting_refund_of_more_than_the_order_takes_what_is_left() -> None:
    bench = Bench()
    bench.enrol()
    bench.refund("r1", "o", 800)
    bench.refund("r2", "o", 800)

    assert moves(bench.buy("e1", 1_000, order_id="o"))[1:] == [
        ("clawback", 8, "available", "clawed_back"),
        ("clawback", 2, "available", "clawed_back"),
    ]


def test_a_waiting_refund_that_does_not_fit_is_told_with_the_purchase() -> None:
    bench = Bench(program(currencies=frozenset({"EUR", "USD"})))
    bench.send("r1", TransactionRefunded("o", 400, "USD"))

    assert moves(complete(bench, "e1")) == [("earn", 10, "issued", "available")]
    assert bench.reason == "refund_not_applied"


def test_a_refund_that_waits_for_an_unknown_member_makes_no_member() -> None:
    bench = Bench(program(tiers=(Tier("bronze", 0, 100),)))
    bench.refund("r1", "o", 400)

    assert bench.state.members == {}
    assert moves(bench.buy("e1", 1_000, order_id="o"))[1:] == [("clawback", 4, "available", "clawed_back")]


def test_so_many_refunds_can_wait_and_no_more() -> None:
    bench = Bench()
    for number in range(100):
        bench.refund(f"r{number}", "o", 1)

    bench.refund("r100", "o", 1)

    assert bench.reason == "order_unknown"


def test_a_cancellation_undoes_the_order_as_a_whole() -> None:
    bench = Bench()
    bench.adjust("a1", 40)
    complete(bench, "e1", points_paid=40, points_paid_minor=400)

    assert moves(cancel(bench, "c1")) == [
        ("return", 40, "redeemed", "available"),
        ("clawback", 6, "available", "clawed_back"),
    ]
    assert bench.balances() == (40, 0, 0, 0)
    assert "transaction_completed" not in bench.member().event_counts


def test_a_cancellation_after_a_refund_takes_the_rest() -> None:
    bench = Bench()
    complete(bench, "e1")
    bench.refund("r1", "o", 400)

    assert moves(cancel(bench, "c1")) == [("clawback", 6, "available", "clawed_back")]
    cancel(bench, "c2")
    assert bench.reason == "order_cancelled"
    bench.refund("r2", "o", 1)
    assert bench.reason == "order_cancelled"


def test_an_order_that_cost_nothing_loses_what_it_earned_when_it_is_cancelled() -> None:
    bench = Bench(program({"transaction_completed": table(rule("gift", fixed=5))}))
    complete(bench, "e1", 0, lines=LINES)

    assert moves(back(bench, "r1", RefundLine("2"))) == []
    assert moves(cancel(bench, "c1")) == [("clawback", 5, "available", "clawed_back")]


def test_cancelled_then_completed_again_earns_again_once() -> None:
    """First-only bonus, limits and pauses included: the cancelled completion no longer counts for them."""
    rules = table(
        rule("welcome", fixed=100, first_only=True),
        rule("daily", fixed=7, limits=(Limit(0, 1, "day"),)),
        rule("pause", fixed=3, cooldown_ms=30 * DAY_MS),
    )
    bench = Bench(program({"transaction_completed": rules}))
    complete(bench, "e1")
    cancel(bench, "c1")
    assert bench.balances() == (0, 0, 0, 0)

    complete(bench, "e2", revision=1)
    assert bench.balances() == (110, 0, 0, 0)
    complete(bench, "e3", revision=1)
    assert (bench.reason, bench.balances()) == ("order_exists", (110, 0, 0, 0))


def test_without_a_higher_revision_a_cancelled_order_stays_cancelled() -> None:
    bench = Bench()
    complete(bench, "e1")
    cancel(bench, "c1")

    assert moves(complete(bench, "e2")) == []
    assert bench.reason == "order_cancelled"


def test_an_older_revision_after_a_newer_is_refused() -> None:
    bench = Bench()
    complete(bench, "e1", revision=2)

    complete(bench, "e2", revision=1)
    assert bench.reason == "revision_older"
    cancel(bench, "c1", 1)
    assert bench.reason == "revision_older"
    assert bench.balances() == (10, 0, 0, 0)


def test_a_newer_revision_undoes_the_older_one_first() -> None:
    bench = Bench()
    complete(bench, "e1")

    assert moves(complete(bench, "e2", 700, revision=1)) == [
        ("clawback", 10, "available", "clawed_back"),
        ("earn", 7, "issued", "available"),
    ]
    assert bench.member().event_counts["transaction_completed"] == 1


def test_a_newer_revision_paid_with_points_takes_them_before_the_older_one_is_undone() -> None:
    bench = Bench(program(clawback="unlimited"))
    complete(bench, "e1")

    assert moves(complete(bench, "e2", points_paid=8, points_paid_minor=1_000, revision=1)) == [
        ("redeem", 8, "available", "redeemed"),
        ("clawback", 2, "available", "clawed_back"),
        ("clawback", 8, "debt", "clawed_back"),
    ]


def test_a_cancellation_before_the_purchase_keeps_it_from_counting() -> None:
    bench = Bench()
    bench.enrol()
    cancel(bench, "c1")
    assert bench.reason == "waits_for_order"

    assert moves(complete(bench, "e1")) == []
    assert bench.reason == "order_cancelled"
    assert moves(complete(bench, "e2", revision=1)) == [("earn", 10, "issued", "available")]


def test_points_that_were_spent_are_owed_when_their_order_is_cancelled() -> None:
    bench = Bench(program({"transaction_completed": table(rule())}, clawback="unlimited", units=(FLOOR_POINTS,)))
    complete(bench, "e1")
    bench.adjust("a1", -10)

    assert moves(cancel(bench, "c1")) == [("clawback", 10, "debt", "clawed_back")]
    assert moves(complete(bench, "e2", revision=1)) == [
        ("earn", 10, "issued", "available"),
        ("debt", 10, "available", "debt"),
    ]
