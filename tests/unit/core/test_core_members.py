"""Enrolment, profile, adjustments by hand, referrals."""

from core_programs import (
    DAY_MS,
    Bench,
    Derived,
    Duplicate,
    RewardDecision,
    Tier,
    TierChange,
    Unit,
    moves,
    of,
    program,
    rule,
    table,
)

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.payloads import (
    MemberEnrolled,
    PointsAdjusted,
    ProfileChanged,
    ReferralAccepted,
    ReferralJoined,
)

# ---- enrolment


def test_where_enrolment_is_required_events_before_it_are_refused() -> None:
    bench = Bench(program(enrolment="required", tiers=(Tier("bronze", 0, 100),)))

    bench.buy("e1", 1_000)
    assert bench.reason == "member_not_enrolled"
    assert bench.state.members == {}

    bench.enrol()
    bench.buy("e2", 1_000)
    assert bench.balances() == (10, 0, 0, 0)


def test_enrolling_twice_is_refused() -> None:
    bench = Bench()
    bench.enrol("e1")
    bench.enrol("e2")

    assert bench.reason == "already_enrolled"


def test_enrolment_after_an_automatic_one_brings_the_profile_and_its_rules() -> None:
    rules = {
        "member_enrolled": table(rule("welcome", fixed=50, first_only=True)),
        "transaction_completed": table(rule()),
    }
    bench = Bench(program(rules))
    bench.buy("e1", 1_000)

    bench.later(DAY_MS).send("e2", MemberEnrolled("NL", "new", "1990-12-31"))

    member = bench.member()
    assert (member.country, member.segment, member.birth_date) == ("NL", "new", "1990-12-31")
    assert member.enrolled_at_ms == bench.now_ms - DAY_MS
    assert bench.balances() == (60, 0, 0, 0)


def test_an_event_that_only_takes_does_not_enrol() -> None:
    bench = Bench(program(tiers=(Tier("bronze", 0, 100),)))
    bench.redeem("r1")
    bench.refund("f1", "order", 1)
    bench.adjust("a1", -5)

    assert bench.state.members == {}
    assert bench.of(TierChange) == []
    assert [one.reason for one in bench.of(RewardDecision)] == [
        "unknown_reward",
        "waits_for_order",
        "insufficient_points",
    ]


def test_a_profile_change_leaves_empty_fields_as_they_are() -> None:
    bench = Bench()
    bench.send("e1", MemberEnrolled("NL", "new", ""))

    bench.send("e2", ProfileChanged("", "vip", "1990-12-31"))

    member = bench.member()
    assert (member.country, member.segment, member.birth_date) == ("NL", "vip", "1990-12-31")


# ---- adjustments


def test_points_given_by_hand_are_available_at_once_and_expire_as_the_unit_says() -> None:
    unit = Unit("points", "floor", program().default_unit.expires.__class__(0, DAY_MS))
    bench = Bench(program(units=(unit,)))

    assert moves(bench.adjust("a1", 50)) == [("adjust", 50, "adjusted", "available")]
    assert moves(bench.later(DAY_MS).enrol()) == [("expire", 50, "available", "expired")]


def test_points_taken_by_hand_come_from_lots_in_burn_order() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    bench.buy("e2", 1_000)

    outputs = bench.adjust("a1", -15)

    assert moves(outputs) == [("adjust", 10, "available", "adjusted"), ("adjust", 5, "available", "adjusted")]
    assert bench.balances() == (5, 0, 0, 0)


def test_taking_more_than_is_available_is_refused() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    bench.adjust("a1", -11)

    assert bench.reason == "insufficient_points"
    assert bench.balances() == (10, 0, 0, 0)


def test_giving_more_than_a_wallet_holds_is_refused() -> None:
    bench = Bench()
    bench.adjust("a1", 10)
    bench.wallet().available = bench.wallet().lots[0].points = WALLET_MAX - 1

    bench.adjust("a2", 2)

    assert bench.reason == "balance_too_large"


def test_an_adjustment_of_a_named_unit() -> None:
    miles = Unit("miles", "floor", program().default_unit.expires)
    bench = Bench(program(units=(program().default_unit, miles)))

    bench.send("a1", PointsAdjusted("miles", 7, "goodwill", "ada"))

    assert bench.balances("miles") == (7, 0, 0, 0)


# ---- referrals


def test_an_accepted_referral_rewards_the_referrer_and_tells_the_referred() -> None:
    rules = {
        "referral_accepted": table(rule("referrer", fixed=100)),
        "referral_joined": table(rule("referred", fixed=50)),
    }
    bench = Bench(program(rules))

    outputs = bench.send("e1", ReferralAccepted("ref-1", "friend"))

    (derived,) = of(Derived, outputs)
    event = derived.event
    assert (event.member_id, event.source, event.occurred_at_ms) == ("friend", "accrue", bench.now_ms)
    assert event.payload == ReferralJoined("ref-1", "m")
    assert derived.log_time_ms == 0
    bench.apply(event)
    assert (bench.balances(), bench.balances(member_id="friend")) == ((100, 0, 0, 0), (50, 0, 0, 0))
    assert [type(output) for output in bench.apply(event)] == [Duplicate]


def test_a_refused_referral_tells_nobody() -> None:
    bench = Bench(program(enrolment="required"))

    assert of(Derived, bench.send("e1", ReferralAccepted("ref-1", "friend"))) == []


def test_in_an_import_derived_events_are_never_stamped_before_their_cause() -> None:
    bench = Bench()
    bench.engine.tick("import", bench.now_ms - DAY_MS, 10)

    (derived,) = of(Derived, bench.send("e1", ReferralAccepted("ref-1", "friend")))
    assert derived.log_time_ms == bench.now_ms

    bench.engine.tick("import", bench.now_ms + DAY_MS, 10)
    (derived,) = of(Derived, bench.send("e2", ReferralAccepted("ref-2", "friend")))
    assert derived.log_time_ms == bench.now_ms + DAY_MS
