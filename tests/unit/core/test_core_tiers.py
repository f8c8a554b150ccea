"""Tiers: reached at once, valid to the end of the year after, reviewed by the year that ended."""

from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    NONE,
    Bench,
    Tier,
    TierChange,
    Unit,
    ms,
    of,
    program,
    rule,
    table,
)

from pipeline.core.memory import Output
from pipeline.core.payloads import ProgramActivated

TIERS = (Tier("bronze", 0, 100), Tier("silver", 100, 100), Tier("gold", 500, 100))


def tiered(zone: str = "UTC", start: str = "2026-03-01T12:00:00") -> Bench:
    return Bench(program(tiers=TIERS, zone=zone), start=start)


def changes(outputs: list[Output]) -> list[tuple[str, str, str, int, int]]:
    """(from, to, reason, qualifying points, valid until)."""
    return [
        (one.previous_tier, one.tier, one.reason, one.qualifying_points, one.valid_until_ms)
        for one in of(TierChange, outputs)
    ]


def test_enrolment_enters_the_first_tier_for_good() -> None:
    bench = tiered()

    assert changes(bench.enrol()) == [("", "bronze", "enrolled", 0, 0)]
    assert bench.member().next_due_ms == 0


def test_reaching_a_threshold_raises_at_once_until_the_end_of_the_next_year() -> None:
    bench = tiered()
    bench.enrol()

    assert changes(bench.buy("e1", 9_900)) == []
    assert changes(bench.buy("e2", 100)) == [("bronze", "silver", "qualified", 100, ms("2028-01-01"))]
    assert bench.member().next_due_ms == ms("2028-01-01")


def test_one_event_can_raise_over_several_tiers() -> None:
    bench = tiered()

    assert changes(bench.buy("e1", 50_000)) == [
        ("", "bronze", "enrolled", 0, 0),
        ("bronze", "gold", "qualified", 500, ms("2028-01-01")),
    ]


def test_the_review_keeps_what_the_year_just_ended_qualifies_for_and_tells_nobody() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)
    bench.at("2027-06-01").buy("e2", 50_000)

    outputs = bench.at("2028-02-01").buy("e3", 100)

    assert changes(outputs) == []
    assert (bench.member().tier, bench.member().tier_until_ms) == ("gold", ms("2029-01-01"))


def test_the_review_lowers_to_what_the_year_just_ended_qualifies_for() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)
    bench.at("2027-06-01").buy("e2", 10_000)

    outputs = bench.at("2028-02-01").buy("e3", 100)

    assert changes(outputs) == [("gold", "silver", "review", 100, ms("2029-01-01"))]
    (change,) = of(TierChange, outputs)
    assert (change.event_id, change.occurred_at_ms) == (f"due:tier:{ms('2028-01-01')}", ms("2028-01-01"))


def test_several_quiet_years_are_reviewed_one_by_one_in_one_go() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)
    bench.at("2027-06-01").buy("e2", 10_000)

    outputs = bench.at("2031-02-01").buy("e3", 100)

    assert changes(outputs) == [
        ("gold", "silver", "review", 100, ms("2029-01-01")),
        ("silver", "bronze", "review", 0, 0),
    ]
    assert [one.occurred_at_ms for one in of(TierChange, outputs)] == [ms("2028-01-01"), ms("2029-01-01")]


def test_a_tick_reviews_quiet_members() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)

    bench.engine.tick("live", ms("2028-01-01T00:15:00"), 10)

    assert changes(bench.out.journal)[-1] == ("gold", "bronze", "review", 0, 0)


def test_the_year_is_the_programmes_zones() -> None:
    bench = tiered("Asia/Kolkata", "2026-12-31T18:30:00")

    assert changes(bench.buy("e1", 10_000))[-1] == (
        "bronze", "silver", "qualified", 100, ms("2029-01-01T00:00:00+05:30")
    )  # fmt: skip


def test_points_of_two_years_do_not_add_up() -> None:
    bench = tiered()
    bench.buy("e1", 9_000)

    assert changes(bench.at("2027-01-01").buy("e2", 9_000)) == []
    assert bench.member().qualifying_points == 90


def test_a_late_event_counts_in_the_newest_year() -> None:
    bench = tiered()
    bench.at("2027-01-10").buy("e1", 9_000)

    outputs = bench.buy("late", 1_000, occurred_at_ms=ms("2026-12-30"))

    assert changes(outputs) == [("bronze", "silver", "qualified", 100, ms("2029-01-01"))]


def test_an_event_of_the_new_year_recorded_in_the_old_does_not_spoil_the_review_of_the_old() -> None:
    """Clocks may differ by minutes: the new year is counted before the review of the old has fallen due."""
    bench = tiered()
    bench.buy("e1", 50_000)
    bench.at("2027-06-01").buy("e2", 50_000)
    bench.at("2027-12-31T23:58:00").buy("e3", 1_000, occurred_at_ms=ms("2028-01-01T00:01:00"))
    assert bench.member().qualifying_points == 10

    outputs = bench.at("2028-01-02").buy("e4", 1_000)

    assert changes(outputs) == []
    assert (bench.member().tier, bench.member().tier_until_ms) == ("gold", ms("2029-01-01"))
    assert bench.member().qualifying_points == 20


def test_a_clawback_lowers_the_years_points_and_the_tier_stays_until_its_review() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)

    assert changes(bench.refund("r1", "order-e1", 50_000)) == []
    assert (bench.member().tier, bench.member().qualifying_points) == ("gold", 0)
    assert changes(bench.at("2028-01-01").enrol("e2")) == [("gold", "bronze", "review", 0, 0)]


def test_a_clawback_in_the_year_after_lowers_the_year_in_which_the_points_counted() -> None:
    bench = tiered()
    bench.buy("e1", 50_000)
    bench.at("2027-12-20").buy("e2", 50_000)
    bench.at("2027-12-31T23:58:00").buy("e3", 1_000, occurred_at_ms=ms("2028-01-01T00:01:00"))

    bench.later(1_000).refund("r1", "order-e2", 45_000)

    assert changes(bench.at("2028-01-01").enrol("e4")) == [("gold", "bronze", "review", 50, 0)]
    assert bench.member().qualifying_points == 10


def test_a_late_purchase_is_clawed_back_from_the_year_it_counted_in() -> None:
    bench = tiered()
    bench.at("2027-01-10").buy("e1", 2_000)
    bench.buy("late", 1_000, occurred_at_ms=ms("2026-12-30"))
    assert bench.member().qualifying_points == 30

    bench.refund("r1", "order-late", 1_000)

    assert bench.member().qualifying_points == 20


def test_only_rules_that_qualify_and_pay_in_the_qualification_unit_count() -> None:
    miles = Unit("miles", "floor", NONE)
    rules = {
        "transaction_completed": table(rule("base", qualifies=False), rule("miles", miles), rule("counts", fixed=60))
    }
    bench = Bench(program(rules, units=(FLOOR_POINTS, miles), tiers=TIERS))

    bench.buy("e1", 100_000)

    assert bench.member().qualifying_points == 60


def test_points_given_by_hand_do_not_qualify() -> None:
    bench = tiered()

    bench.adjust("a1", 1_000)

    assert (bench.member().tier, bench.member().qualifying_points) == ("bronze", 0)


def test_a_programme_that_gains_tiers_takes_its_members_in_with_their_next_event() -> None:
    before, after = program(program_hash="a" * 64), program(program_hash="b" * 64, tiers=TIERS)
    bench = Bench(before, after)
    bench.buy("e1", 100)
    bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + DAY_MS, "ada", ""), bench.now_ms)

    assert changes(bench.later(DAY_MS).buy("e2", 100)) == [("", "bronze", "enrolled", 0, 0)]


def test_a_tier_that_the_programme_no_longer_has_lasts_until_its_review() -> None:
    before = program(program_hash="a" * 64, tiers=TIERS)
    after = program(program_hash="b" * 64, tiers=(Tier("basic", 0, 100), Tier("top", 1_000, 100)))
    bench = Bench(before, after)
    bench.buy("e1", 50_000)
    bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + DAY_MS, "ada", ""), bench.now_ms)

    assert bench.later(DAY_MS).member().tier == "gold"
    assert changes(bench.at("2028-01-01").enrol("e2")) == [("gold", "basic", "review", 0, 0)]


def test_the_review_finds_its_year_although_the_zone_has_changed_since() -> None:
    before = program(program_hash="a" * 64, tiers=TIERS)
    for zone in ("Pacific/Honolulu", "Pacific/Auckland"):
        bench = Bench(before, program(program_hash="b" * 64, tiers=TIERS, zone=zone))
        bench.buy("e1", 50_000)
        bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + DAY_MS, "ada", ""), bench.now_ms)
        bench.at("2027-06-01").buy("e2", 10_000)

        (review,) = of(TierChange, bench.at("2028-01-02").buy("e3", 100))

        assert (review.tier, review.occurred_at_ms) == ("silver", ms("2028-01-01"))
        assert bench.member().qualifying_year == 2028
