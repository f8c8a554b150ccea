"""What users of loyalty products complain of, each as a test: it must never happen here."""

from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    Bench,
    Duplicate,
    Period,
    Reward,
    Tier,
    TierPolicy,
    Unit,
    moves,
    of,
    program,
    rule,
    table,
)

from pipeline.core.payloads import TransactionCancelled, TransactionCompleted

MUG = Reward("mug", FLOOR_POINTS, 10, "external", (), ())


def test_a_refund_never_keeps_the_earned_points() -> None:
    for policy in ("within_balance", "unlimited"):
        bench = Bench(program(clawback=policy))
        bench.buy("e1", 1_000)
        bench.refund("r1", "order-e1", 1_000)
        assert bench.balances() == (0, 0, 0, 0)


def test_a_refund_never_takes_redeemed_points_twice() -> None:
    """They are owed once; another refund of the order takes nothing, and what is earned later pays the debt once."""
    bench = Bench(program(rewards=[MUG], clawback="unlimited"))
    bench.buy("e1", 1_000)
    bench.redeem("x1", "mug")
    bench.outcome("o1", "redemption-x1", "confirmed")

    assert moves(bench.refund("r1", "order-e1", 1_000)) == [("clawback", 10, "debt", "clawed_back")]
    assert moves(bench.refund("r2", "order-e1", 1_000)) == []
    assert moves(bench.send("c1", TransactionCancelled("order-e1"))) == []
    bench.buy("e2", 1_500)
    assert bench.balances() == (5, 0, 0, 0)


def test_a_replay_never_pays_twice() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    bench.refund("r1", "order-e1", 300)
    before, occurred_at_ms = list(bench.entries), bench.now_ms

    outputs = bench.later(DAY_MS).buy("e1", 1_000, occurred_at_ms=occurred_at_ms)

    assert len(of(Duplicate, outputs)) == 1
    assert bench.entries == before


def test_two_redemptions_at_once_never_spend_the_same_points() -> None:
    bench = Bench(program(rewards=[MUG]))
    bench.adjust("a1", 15)
    bench.redeem("x1", "mug")

    bench.redeem("x2", "mug")

    assert bench.reason == "insufficient_points"
    bench.send("e1", TransactionCompleted("o", 100, "EUR", points_paid=10, points_paid_minor=100))
    assert bench.reason == "insufficient_points"
    assert bench.balances() == (5, 0, 10, 0)


def test_holds_are_never_ignored_in_the_balance() -> None:
    bench = Bench(program(rewards=[MUG]))
    bench.adjust("a1", 15)
    bench.redeem("x1", "mug")

    assert bench.balances() == (5, 0, 10, 0)
    bench.adjust("a2", -6)
    assert bench.reason == "insufficient_points"


def test_lots_always_expire() -> None:
    """Of a member nobody hears of too."""
    bench = Bench(program({"transaction_completed": table(rule(expires=Period(1, 0)))}))
    bench.buy("e1", 1_000)

    bench.at("2026-02-10T12:15:00")
    assert bench.engine.tick("live", bench.now_ms, 10)

    assert bench.balances() == (0, 0, 0, 0)
    assert moves(bench.out.journal[-1:]) == [("expire", 10, "available", "expired")]


def test_lots_never_expire_while_held() -> None:
    bench = Bench(program({"transaction_completed": table(rule(expires=Period(1, 0)))}, rewards=[MUG]))
    bench.buy("e1", 1_000)
    bench.redeem("x1", "mug")

    bench.at("2026-06-01T00:00:00").adjust("a1", 1)
    assert bench.balances() == (1, 0, 10, 0)
    assert moves(bench.outcome("o1", "redemption-x1", "confirmed")) == [("redeem", 10, "held", "redeemed")]


def test_rounding_is_never_done_in_floats() -> None:
    """1.1 points per 1.00 of 2 ** 53 + 1 hundredths, and half a point to even: exact where floats are not."""
    exact = Unit("points", "floor", Period(0, 0))
    bench = Bench(program({"transaction_completed": table(rule(unit=exact, rate=(11, 10)))}, units=(exact,)))
    bench.buy("e1", 999_999_999_999)
    assert bench.balances()[0] == 10_999_999_999

    even = Unit("points", "half_even", Period(0, 0))
    bench = Bench(program({"transaction_completed": table(rule(unit=even))}, units=(even,)))
    for number, amount in enumerate((50, 150, 250)):
        bench.buy(f"e{number}", amount)
    assert [entry.amount for entry in bench.entries] == [2, 2]


def test_a_tier_never_stays_wrong() -> None:
    """Not when its points are refunded, and not for a member nobody hears of again."""
    tiers = (Tier("bronze", 0, 100), Tier("gold", 10, 100))
    bench = Bench(program(tiers=tiers, tier_policy=TierPolicy(recompute=True)))
    bench.buy("e1", 1_000)
    assert bench.member().tier == "gold"
    bench.refund("r1", "order-e1", 1_000)
    assert bench.member().tier == "bronze"

    bench.buy("e2", 1_000)
    bench.at("2028-01-01T00:15:00")
    assert bench.engine.tick("live", bench.now_ms, 10)
    assert bench.member().tier == "bronze"


def test_points_are_never_earned_on_the_part_paid_with_points() -> None:
    bench = Bench()
    bench.adjust("a1", 100)

    bench.send("e1", TransactionCompleted("o", 1_000, "EUR", points_paid=100, points_paid_minor=1_000))

    assert [entry.kind for entry in bench.entries] == ["adjust", "redeem"]


def test_cancel_then_complete_earns_once() -> None:
    for cancelled in (True, False):
        bench = Bench(program({"transaction_completed": table(rule(), rule("first", fixed=5, first_only=True))}))
        bench.buy("e1", 1_000, order_id="o")
        if cancelled:
            bench.send("c1", TransactionCancelled("o"))
            assert bench.balances()[0] == 0
        bench.send("e2", TransactionCompleted("o", 1_000, "EUR", revision=1))
        assert bench.balances()[0] == 15
        bench.send("c2", TransactionCancelled("o"))
        assert (bench.reason, bench.balances()[0]) == ("revision_older", 15)


def test_stacking_is_never_ambiguous() -> None:
    """Every rule gives by itself and sees the member as before the event: the order of rules changes no balance."""
    first, second = rule("first", fixed=5, first_only=True), rule("double", rate=(2, 1), tier_multiplies=True)
    tiers = (Tier("bronze", 0, 100), Tier("gold", 5, 200))
    found = []
    for rules in ((first, second), (second, first)):
        bench = Bench(program({"transaction_completed": table(*rules)}, tiers=tiers))
        bench.buy("e1", 1_000)
        bench.buy("e2", 1_000)
        found.append((bench.balances(), bench.member().tier))

    assert found == [((65, 0, 0, 0), "gold")] * 2
