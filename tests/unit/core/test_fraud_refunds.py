"""Refund abuse: the share of a member's own orders that is given back."""

from __future__ import annotations

from core_programs import DAY_MS, Bench
from fraud_signals import with_signals

from pipeline.core.fraud_program import Counter, Signal
from pipeline.core.payloads import TransactionCancelled, TransactionCompleted
from pipeline.core.records import FraudAlert, ReviewChange
from pipeline.wire.state import pack_member, unpack_member


def returns(action: str, percent: int = 50, after: int = 2, live: bool = True) -> Signal:
    back, spent = Counter("b/month", "member", "month", 0, 0), Counter("s/month", "member", "month", 0, 0)
    return Signal("it", "refunds", action, live, "", "", percent, 0, back, "so much", 0, spent, after)


def abused(action: str, live: bool = True) -> Bench:
    """Of 10,000 bought in a month 6,000 are given back, in three parts."""
    bench = Bench(with_signals(returns(action, live=live)))
    for number in range(4):
        bench.buy(f"e{number}", 2_500)
    for number in range(2):
        bench.refund(f"r{number}", f"order-e{number}", 2_500)
    assert bench.of(FraudAlert) == [], "half of it is allowed"
    bench.refund("r2", "order-e2", 1_000)
    return bench


def test_the_refund_that_makes_it_too_much_sets_the_signal_off() -> None:
    bench = abused("allow")

    (alert,) = bench.of(FraudAlert)
    assert (alert.event_id, alert.kind, alert.value, alert.limit) == ("r2", "refunds", 60, 50)
    assert {fact.name: fact.value for fact in alert.evidence}["returns"] == "3"
    assert bench.reason == "", "no refund is refused"


def test_what_such_a_member_earns_goes_to_review_and_redemptions_too() -> None:
    bench = abused("review")
    bench.buy("e8", 1_000)
    bench.redeem("x8")

    assert [one.status for one in bench.of(ReviewChange)] == ["opened", "opened"]
    assert [(one.event_id, one.points) for one in bench.of(FraudAlert)][1:] == [("e8", 10), ("x8", 10)]


def test_deny_gives_no_points_and_refuses_redemptions_and_freeze_freezes_at_once() -> None:
    bench = abused("deny")
    before = bench.wallet().available
    bench.buy("e8", 1_000)
    assert bench.wallet().available == before
    bench.redeem("x8")
    assert bench.reason == "fraud_denied"

    bench = abused("freeze")
    bench.redeem("x8")
    assert bench.reason == "redemptions_frozen"


def test_in_shadow_nothing_is_done() -> None:
    bench = abused("deny", live=False)
    before = bench.wallet().available
    bench.buy("e8", 1_000)

    assert bench.wallet().available == before + 10
    assert {alert.mode for alert in bench.of(FraudAlert)} == {"shadow"}


def test_buying_more_lowers_the_share_and_another_window_has_its_own() -> None:
    bench = abused("deny")
    bench.buy("e8", 2_000)
    bench.buy("e9", 1_000)
    assert bench.of(FraudAlert)[-1].event_id == "e8", "6,000 of 12,000 is half of it"

    bench = abused("deny")
    bench.later(31 * DAY_MS).buy("e8", 1_000)
    assert len(bench.of(FraudAlert)) == 1
    bench.refund("r3", "order-e3", 100)
    assert bench.of(FraudAlert)[-1].value == 61, "counted in the window of the purchase"


def test_few_refunds_are_not_judged_and_cancellations_count_as_refunds() -> None:
    bench = Bench(with_signals(returns("allow", after=2)))
    for number in range(2):
        bench.buy(f"e{number}", 1_000)
    bench.refund("r0", "order-e0", 1_000)
    bench.send("c1", TransactionCancelled("order-e1"))

    assert [(one.event_id, one.value) for one in bench.of(FraudAlert)] == [("c1", 100)]


def test_an_order_completed_again_is_given_back_by_nobody() -> None:
    bench = Bench(with_signals(returns("allow", percent=0, after=1)))
    bench.send("e1", TransactionCompleted("o", 1_000, "EUR"))
    bench.send("e2", TransactionCompleted("o", 700, "EUR", revision=1))
    assert bench.of(FraudAlert) == []

    bench.refund("r", "o", 7)
    assert [one.value for one in bench.of(FraudAlert)] == [1]


def test_a_share_is_rounded_up() -> None:
    bench = Bench(with_signals(returns("allow", percent=50, after=1)))
    bench.buy("e", 1_000)
    bench.refund("r", "order-e", 501)

    assert [one.value for one in bench.of(FraudAlert)] == [51]


def test_what_is_remembered_is_packed_and_unpacked() -> None:
    bench = abused("allow")

    assert unpack_member(pack_member(bench.member())) == bench.member()
