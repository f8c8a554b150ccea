"""Holding for review, freezing, and verdicts: what is held is not lost, and keeps its dates."""

from __future__ import annotations

import pytest
from core_programs import (
    DAY_MS,
    HOUR_MS,
    Bench,
    Dead,
    FulfillmentCommand,
    Period,
    Reward,
    Tier,
    Unit,
    moves,
    rule,
    table,
)
from core_programs import program as make
from fraud_signals import signal

from pipeline.core.fraud_program import FraudProgram, ReviewTerms, Signal
from pipeline.core.payloads import RedemptionConfirmed, ReviewDecided, TransactionCancelled, TransactionCompleted
from pipeline.core.records import FraudAlert, ReviewChange
from pipeline.wire.state import pack_member, unpack_member

POINTS = Unit("points", "floor", Period(12, 0))
TIERS = (Tier("bronze", 0, 100), Tier("gold", 15, 100))


def held(action: Signal, terms: ReviewTerms | None = None, pending: Period | None = None, **more: object) -> Bench:
    """A programme of one signal, points that pend and expire, and two tiers."""
    fraud = FraudProgram((action,), {}, terms=ReviewTerms() if terms is None else terms)
    rules = {"transaction_completed": table(rule("base", POINTS, pending=pending or Period(0, 0)))}
    rewards = (Reward("voucher", POINTS, 10, "house", (), ()),)
    return Bench(make(rules, fraud=fraud, units=(POINTS,), tiers=TIERS, rewards=rewards, **more))  # type: ignore[arg-type]


def earned_over(limit: int, terms: ReviewTerms | None = None, pending: Period | None = None) -> Bench:
    return held(signal("earned", limit, every="month", action="review"), terms, pending)


def review_of(bench: Bench) -> str:
    return bench.of(ReviewChange)[-1].review_id


def statuses(bench: Bench) -> list[str]:
    return [change.status for change in bench.of(ReviewChange)]


def test_points_are_held_and_the_purchase_is_applied() -> None:
    bench = earned_over(10)
    bench.buy("e1", 1_000)
    outputs = bench.buy("e2", 2_000)

    assert bench.reason == ""
    assert moves(outputs) == [("earn", 20, "issued", "review")]
    assert bench.balances() == (10, 0, 0, 0)
    assert bench.decisions[-1].rewards[0].limited_by == "review:it"
    (alert,) = bench.of(FraudAlert)
    assert (alert.action, alert.points, alert.review_id) == ("review", 20, review_of(bench))
    assert bench.member().tier == "bronze", "what is held counts for no tier"


def test_approval_gives_the_points_with_their_original_dates() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    bought_ms = bench.now_ms
    outputs = bench.later(30 * DAY_MS).verdict("v1", review_of(bench))

    assert moves(outputs) == [("release", 20, "review", "available")]
    assert bench.balances() == (20, 0, 0, 0)
    (lot,) = bench.wallet().lots
    assert lot.expires_at_ms == bought_ms + 365 * DAY_MS
    assert bench.member().tier == "gold"
    assert statuses(bench) == ["opened", "approved"]
    assert bench.member().reviews == {}


def test_points_that_still_pend_wait_on_and_others_do_not() -> None:
    bench = earned_over(10, pending=Period(0, 14 * DAY_MS))
    bench.buy("e1", 2_000)
    bench.later(DAY_MS).verdict("v1", review_of(bench))
    assert bench.balances() == (0, 20, 0, 0)

    bench.buy("e2", 2_000)
    bench.later(20 * DAY_MS).verdict("v2", review_of(bench))
    assert bench.balances() == (40, 0, 0, 0)


def test_points_that_expired_meanwhile_expire_at_once() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    outputs = bench.later(400 * DAY_MS).verdict("v1", review_of(bench))

    assert moves(outputs) == [("release", 20, "review", "available"), ("expire", 20, "available", "expired")]


def test_rejection_claws_back_from_review() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    outputs = bench.verdict("v1", review_of(bench), "reject")

    assert moves(outputs) == [("clawback", 20, "review", "clawed_back")]
    assert statuses(bench) == ["opened", "rejected"]
    assert bench.of(ReviewChange)[-1].reviewer == "ada"
    bench.verdict("v2", review_of(bench))
    assert bench.reason == "review_not_open"


def test_two_different_reviewers_above_the_amount() -> None:
    bench = earned_over(10, ReviewTerms(four_eyes_points=20))
    bench.buy("small", 1_100)
    bench.verdict("v0", review_of(bench))
    assert statuses(bench) == ["opened", "approved"], "11 points need one"

    bench.buy("e1", 2_000)
    bench.verdict("v1", review_of(bench), reviewer="ada")
    assert statuses(bench)[-1] == "endorsed"
    bench.verdict("v2", review_of(bench), reviewer="ada")
    assert bench.reason == "same_reviewer"
    bench.verdict("v3", review_of(bench), "reject", reviewer="bob")
    assert statuses(bench)[-1] == "endorsed", "they do not agree"
    bench.verdict("v4", review_of(bench), "reject", reviewer="cleo")
    assert statuses(bench)[-1] == "rejected"


@pytest.mark.parametrize(("approves", "balance"), [(True, 20), (False, 0)])
def test_a_timeout_gives_the_default_verdict(approves: bool, balance: int) -> None:
    bench = earned_over(10, ReviewTerms(3 * DAY_MS, approves))
    bench.buy("e1", 2_000)
    due_ms = bench.now_ms + 3 * DAY_MS
    assert bench.member().next_due_ms == due_ms
    bench.engine.tick("live", due_ms + HOUR_MS, 100)

    assert bench.balances() == (balance, 0, 0, 0)
    assert bench.entries[-1].event_id.startswith("due:review:")
    assert bench.entries[-1].occurred_at_ms == due_ms
    assert bench.of(ReviewChange)[-1].reviewer == ""


def test_a_refund_takes_what_is_held_first() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    assert moves(bench.refund("r1", "order-e1", 500)) == [("clawback", 5, "review", "clawed_back")]
    assert moves(bench.refund("r2", "order-e1", 1_500)) == [("clawback", 15, "review", "clawed_back")]
    assert statuses(bench) == ["opened", "withdrawn"]


def test_a_refund_after_the_release_takes_back_what_counted_for_the_tier() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    bench.verdict("v1", review_of(bench))
    assert bench.member().qualifying_points == 20
    bench.refund("r1", "order-e1", 1_000)
    assert bench.member().qualifying_points == 10


def test_a_cancelled_order_leaves_nothing_to_review() -> None:
    bench = earned_over(10)
    bench.buy("e1", 2_000)
    bench.send("c1", TransactionCancelled("order-e1"))

    assert statuses(bench) == ["opened", "withdrawn"]
    assert sum(entry.amount for entry in bench.entries if entry.credit.endswith("clawed_back")) == 20


def redeeming() -> Bench:
    bench = held(signal("redemptions", 0, every="day", action="review"))
    bench.adjust("gift", 100)
    bench.redeem("r1", redemption_id="rd")
    return bench


def test_a_redemption_waits_held_and_nobody_is_told() -> None:
    bench = redeeming()

    assert bench.reason == ""
    assert bench.balances() == (90, 0, 10, 0)
    assert bench.of(FulfillmentCommand) == []
    assert [(part.unit, part.points) for part in bench.of(ReviewChange)[0].parts] == [("points", 10)]


def test_an_approved_redemption_goes_to_its_provider() -> None:
    bench = redeeming()
    bench.verdict("v1", review_of(bench))

    assert [command.action for command in bench.of(FulfillmentCommand)] == ["fulfil"]


def test_a_rejected_redemption_gives_the_points_back() -> None:
    bench = redeeming()
    bench.verdict("v1", review_of(bench), "reject")

    assert bench.balances() == (100, 0, 0, 0)
    assert bench.of(FulfillmentCommand) == []


def test_a_redemption_under_review_cannot_be_confirmed_and_can_be_cancelled() -> None:

    bench = redeeming()
    bench.send("c1", RedemptionConfirmed("rd"))
    assert bench.reason == "under_review"
    bench.cancel("c2", "rd")
    assert bench.balances() == (100, 0, 0, 0)
    assert statuses(bench) == ["opened", "withdrawn"]


def frozen() -> Bench:
    bench = held(signal("attempts", 2, within_ms=HOUR_MS, action="freeze"))
    bench.adjust("gift", 100)
    for number in range(3):
        bench.redeem(f"r{number}")
    return bench


def test_a_freeze_refuses_every_redemption_until_it_is_approved() -> None:
    bench = frozen()
    assert bench.reason == "fraud_denied"
    bench.later(DAY_MS).redeem("r8")
    assert bench.reason == "redemptions_frozen"
    bench.send("e1", TransactionCompleted("o1", 500, "EUR", points_paid=5, points_paid_minor=50))
    assert bench.reason == "redemptions_frozen"
    bench.buy("e2", 500)
    assert bench.reason == "", "earning goes on"

    bench.verdict("v1", review_of(bench), "reject")
    bench.redeem("r9")
    assert bench.reason == "redemptions_frozen", "rejected: it stays"
    bench.verdict("v2", review_of(bench))
    bench.later(2 * HOUR_MS).redeem("r10")
    assert bench.reason == ""


def test_one_signal_freezes_once() -> None:
    bench = frozen()
    bench.redeem("r4")

    assert statuses(bench) == ["opened"]


def test_shadow_holds_and_freezes_nothing() -> None:
    bench = held(signal("earned", 10, every="month", action="review", live=False))
    bench.buy("e1", 2_000)

    assert bench.balances() == (20, 0, 0, 0)
    assert bench.of(ReviewChange) == []
    assert [(alert.mode, alert.points, alert.review_id) for alert in bench.of(FraudAlert)] == [("shadow", 20, "")]


def test_open_reviews_are_packed_with_the_member() -> None:
    bench = earned_over(10, ReviewTerms(3 * DAY_MS, True, 5))
    bench.buy("e1", 2_000)
    bench.verdict("v1", review_of(bench))
    member = bench.member()

    assert member.reviews
    assert unpack_member(pack_member(member)) == member


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (ReviewDecided("", "approve", "ada"), "review_id is empty"),
        (ReviewDecided("r", "reject", ""), "reviewer is empty"),
        (ReviewDecided("r", "accept", "ada"), "verdict is 'accept'; it must be one of approve, reject"),
    ],
)
def test_a_verdict_that_is_none_goes_to_dead_letters(payload: ReviewDecided, said: str) -> None:
    bench = Bench(make())
    bench.send("v1", payload)
    (letter,) = bench.of(Dead)

    assert said in letter.detail
