"""Awards under a budget that a fraud signal has reviewed: what is granted waits for a verdict, as any other award."""

from __future__ import annotations

from core_programs import DAY_MS, moves, program, rule, table
from fraud_signals import signal
from pool_bench import PoolBench

from pipeline.core.campaigns import Budget, Campaign
from pipeline.core.fraud_program import FraudProgram, ReviewTerms
from pipeline.core.program import Period
from pipeline.core.records import FraudAlert, ReviewChange, RewardDecision
from pipeline.core.tier_policy import Tier
from pipeline.wire.state import pack_member, unpack_member


def reviewed(budget: int, *, beside: bool = False, terms: ReviewTerms | None = None) -> PoolBench:
    """A point per 100 under a budget, pending for two weeks, and `beside` one without; more than 10 go to review."""
    fraud = FraudProgram((signal("earned", 10, every="month", action="review"),), {}, terms=terms or ReviewTerms())
    pooled = rule("pooled", pending=Period(0, 14 * DAY_MS), campaign=Campaign("summer", None, (), Budget(budget, 0)))
    rules = (pooled, rule("beside")) if beside else (pooled,)
    return PoolBench(
        program(
            {"transaction_completed": table(*rules)},
            fraud=fraud,
            tiers=(Tier("bronze", 0, 100), Tier("silver", 20, 100)),
        )
    )


def changes(bench: PoolBench) -> list[tuple[str, int]]:
    """(status, points) of what was told of reviews."""
    return [(one.status, sum(part.points for part in one.parts)) for one in bench.of(ReviewChange)]


def test_what_is_granted_waits_for_a_verdict() -> None:
    bench = reviewed(100)
    asked = bench.buy("e1", 3_000)
    assert moves(asked) == [] and changes(bench) == []

    outputs = bench.answer()

    assert moves(outputs) == [("earn", 30, "issued", "review")]
    assert bench.balances() == (0, 0, 0, 0)
    assert bench.of(RewardDecision)[-1].rewards[0].limited_by == "review:it"
    assert changes(bench) == [("opened", 30)]
    assert bench.of(FraudAlert)[0].review_id == bench.of(ReviewChange)[0].review_id


def test_approval_gives_it_with_the_dates_of_the_event_and_the_tier() -> None:
    bench = reviewed(100)
    bench.buy("e1", 3_000)
    bought_ms = bench.now_ms
    bench.later(3 * DAY_MS).answer()
    assert bench.member().tier == "bronze"

    bench.verdict("v1", bench.of(ReviewChange)[0].review_id)

    (lot,) = bench.wallet().pending_lots
    assert (lot.points, lot.available_at_ms) == (30, bought_ms + 14 * DAY_MS)
    assert bench.member().tier == "silver"


def test_a_clipped_grant_holds_what_was_granted_and_nothing_opens_no_review() -> None:
    bench = reviewed(40)
    bench.buy("e1", 3_000)
    bench.buy("e2", 3_000)
    bench.buy("e3", 3_000)

    bench.answer()

    assert changes(bench) == [("opened", 30), ("opened", 10)]
    assert bench.reason == "nothing_left"


def test_what_is_booked_at_once_has_a_review_of_its_own() -> None:
    bench = reviewed(100, beside=True)
    bench.buy("e1", 3_000)
    assert changes(bench) == [("opened", 30)]

    bench.answer()
    first, second = [one.review_id for one in bench.of(ReviewChange)]
    bench.verdict("v1", first)
    bench.verdict("v2", second, "reject")

    assert bench.balances() == (30, 0, 0, 0)
    assert moves(bench.out.journal)[-1] == ("clawback", 30, "review", "clawed_back")


def test_a_refund_before_the_grant_takes_its_part_of_what_is_held() -> None:
    bench = reviewed(100)
    bench.buy("e1", 4_000)
    bench.refund("r1", "order-e1", 1_000)

    bench.answer()
    bench.verdict("v1", bench.of(ReviewChange)[0].review_id)

    assert bench.balances() == (0, 30, 0, 0)


def test_an_order_that_is_cancelled_before_or_after_the_grant_leaves_no_review() -> None:
    bench = reviewed(100)
    bench.buy("e1", 3_000)
    bench.cancel_order("c1", "order-e1")
    bench.answer()
    assert bench.of(ReviewChange) == []
    bench.buy("e2", 3_000)
    bench.answer()

    bench.cancel_order("c2", "order-e2")

    assert changes(bench) == [("opened", 30), ("withdrawn", 0)]
    assert bench.member().reviews == {}


def test_terms_of_the_programme_hold_for_it() -> None:
    bench = reviewed(100, terms=ReviewTerms(7 * DAY_MS, approves=True, four_eyes_points=20))
    bench.buy("e1", 3_000)
    bench.answer()
    review_id = bench.of(ReviewChange)[0].review_id
    bench.verdict("v1", review_id)
    assert changes(bench)[-1] == ("endorsed", 30)

    bench.later(8 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)

    assert changes(bench)[-1] == ("approved", 30)


def test_what_waits_for_review_survives_packing() -> None:
    bench = reviewed(100)
    bench.buy("e1", 3_000)

    member = unpack_member(pack_member(bench.member()))

    assert member == bench.member()
    assert [one.signal_id for one in member.awaited.values()] == ["it"]
