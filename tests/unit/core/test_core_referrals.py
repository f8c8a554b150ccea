"""Referrals that have to qualify: the referrer is told of the purchase that makes one count, once."""

import pytest
from core_programs import DAY_MS, Bench, Dead, Derived, program, rule, table

from pipeline.core.events import Event
from pipeline.core.payloads import ReferralAccepted, ReferralJoined, ReferralQualified, TransactionCompleted
from pipeline.core.referral_terms import ReferralTerms


def club(terms: ReferralTerms | None = None) -> Bench:
    """Ann has referred Bob, who has been told."""
    rules = {
        "referral_joined": table(rule("welcome", fixed=30)),
        "referral_qualified": table(rule("brought", fixed=50)),
    }
    made = program(rules)
    made.referrals = ReferralTerms(2_000, 30 * DAY_MS) if terms is None else terms
    bench = Bench(made)
    bench.enrol("ann", "ann")
    bench.send("ref", ReferralAccepted("r-1", "bob"), "ann")
    relay(bench)
    return bench


def relay(bench: Bench) -> None:
    """Append to the log what was derived last."""
    for event in [one.event for one in bench.of(Derived)]:
        bench.apply(
            Event(
                event.event_id, event.member_id, event.occurred_at_ms, event.source, "", {}, event.payload, bench.now_ms
            )
        )


def qualified(bench: Bench) -> list[tuple[str, str]]:
    """(for whom, by whom) of each referral that counts."""
    events = [one.event for one in bench.of(Derived)]
    return [
        (one.member_id, one.payload.referred_member_id) for one in events if isinstance(one.payload, ReferralQualified)
    ]


def test_the_referrer_is_told_of_the_purchase_that_makes_the_referral_count() -> None:
    bench = club()
    bench.later(DAY_MS).buy("e1", 1_999, "bob")
    assert qualified(bench) == []

    bench.later(DAY_MS).buy("e2", 2_000, "bob")
    relay(bench)

    assert qualified(bench) == [("ann", "bob")]
    assert (bench.balances("points", "ann")[0], bench.balances("points", "bob")[0]) == (50, 30)


def test_it_counts_once() -> None:
    bench = club()
    for number in range(3):
        bench.later(DAY_MS).buy(f"e{number}", 5_000, "bob")
    bench.send("again", ReferralJoined("r-2", "ann"), "bob", source="accrue")
    bench.later(DAY_MS).buy("e9", 5_000, "bob")
    relay(bench)

    assert qualified(bench) == [("ann", "bob")]
    assert bench.balances("points", "ann")[0] == 50


def test_a_refund_leaves_the_referral_qualified() -> None:
    bench = club()
    bench.buy("e1", 5_000, "bob")
    relay(bench)

    bench.refund("x1", "order-e1", 5_000, "bob")
    bench.buy("e2", 5_000, "bob")

    assert qualified(bench) == [("ann", "bob")]


@pytest.mark.parametrize(
    ("later_ms", "occurred_before_ms", "payload"),
    [
        (31 * DAY_MS, 0, TransactionCompleted("o", 5_000, "EUR")),
        (DAY_MS, 2 * DAY_MS, TransactionCompleted("o", 5_000, "EUR")),
        (DAY_MS, 0, TransactionCompleted("o", 5_000, "EUR", points_paid=30, points_paid_minor=3_001)),
    ],
    ids=["too late", "before joining", "paid with points"],
)
def test_what_does_not_qualify(later_ms: int, occurred_before_ms: int, payload: TransactionCompleted) -> None:
    bench = club()
    bench.later(later_ms).send("e1", payload, "bob", occurred_at_ms=bench.now_ms - occurred_before_ms)

    assert (bench.reason, qualified(bench)) == ("", [])


def test_after_the_time_a_referral_is_settled() -> None:
    bench = club()
    bench.later(31 * DAY_MS).buy("e1", 5_000, "bob")

    assert bench.member("bob").referral == ("r-1", "", bench.now_ms - 31 * DAY_MS)


def test_who_was_not_referred_qualifies_nothing() -> None:
    bench = club()
    bench.buy("e1", 5_000, "ann")

    assert qualified(bench) == []


def test_without_terms_nothing_is_remembered() -> None:
    bench = Bench(program({}))
    bench.send("j", ReferralJoined("r-1", "ann"), "bob", source="accrue")
    bench.buy("e1", 5_000, "bob")

    assert (bench.member("bob").referral, qualified(bench)) == (None, [])


def test_only_the_pipeline_says_that_a_referral_counts() -> None:
    bench = club()
    (dead,) = bench.send("x", ReferralQualified("r-1", "bob"), "ann")

    assert isinstance(dead, Dead) and dead.reason == "reserved_type"
