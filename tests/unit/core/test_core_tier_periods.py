"""Over which periods tiers are qualified for, when they are entered, and how long they are kept."""

from core_programs import DAY_MS, Bench, Tier, TierChange, TierPolicy, ms, program, rule, table

TIERS = (Tier("bronze", 0, 100), Tier("silver", 20, 100), Tier("gold", 50, 100))
RULES = {"transaction_completed": table(rule())}


def club(policy: TierPolicy, start: str = "2026-03-15T12:00:00", zone: str = "UTC") -> Bench:
    return Bench(program(RULES, tiers=TIERS, tier_policy=policy, zone=zone), start=start)


def months(count: int, **more: object) -> TierPolicy:
    return TierPolicy(period="rolling_months", months=count, **more)  # type: ignore[arg-type]


def membership(**more: object) -> TierPolicy:
    return TierPolicy(period="membership_year", **more)  # type: ignore[arg-type]


def changes(bench: Bench) -> list[tuple[str, str, int, int]]:
    """(tier, reason, points, when) after the enrolment's."""
    return [(one.tier, one.reason, one.qualifying_points, one.occurred_at_ms) for one in bench.of(TierChange)][1:]


def test_rolling_months_count_the_month_under_way_and_those_before_it_together() -> None:
    bench = club(months(2))
    bench.at("2026-03-31T23:00:00").buy("e1", 1_500)
    bench.at("2026-05-31T23:00:00").buy("e2", 500)

    assert changes(bench) == [("silver", "qualified", 20, ms("2026-05-31T23:00:00"))]
    assert bench.member().tier_until_ms == ms("2026-07-01")


def test_what_is_older_than_the_rolling_months_counts_no_more() -> None:
    bench = club(months(2))
    bench.buy("e1", 1_500)
    bench.at("2026-06-01T00:00:00").buy("e2", 500)

    assert (bench.member().tier, changes(bench)) == ("bronze", [])


def test_a_tier_of_rolling_months_lasts_as_long_as_they_qualify_for_it() -> None:
    """Reviewed each month: March's points leave the two months before June's end."""
    bench = club(months(2))
    bench.buy("e1", 2_000)

    while not bench.engine.tick("live", ms("2026-05-31T23:59:59"), 10):
        pass
    assert bench.member().tier == "silver"
    bench.at("2026-06-01T00:00:00").adjust("a1", 1)

    assert changes(bench)[1:] == [("bronze", "review", 0, ms("2026-06-01"))]


def test_points_of_one_month_never_qualify_longer_than_the_months_and_those_kept() -> None:
    for keep in (1, 2, 6):
        bench = club(months(12, keep=keep))
        bench.buy("e1", 2_000)
        bench.at("2029-01-01T00:00:00").adjust("a1", 1)

        (lost,) = changes(bench)[1:]
        longest = {1: "2027-04-01", 2: "2027-05-01", 6: "2027-10-01"}[keep]
        assert lost[3] <= ms(longest), keep
        assert lost[3] >= ms("2027-04-01"), keep


def test_a_tier_of_rolling_months_is_kept_for_the_months_stated() -> None:
    bench = club(months(1, keep=5))
    bench.buy("e1", 2_000)

    assert bench.member().tier_until_ms == ms("2026-09-01")
    bench.at("2026-08-02T00:00:00").buy("e2", 2_000)
    bench.at("2026-09-01T00:00:00").adjust("a1", 1)
    assert (bench.member().tier, bench.member().tier_until_ms) == ("silver", ms("2027-02-01"))


def test_months_are_those_of_the_programmes_zone() -> None:
    bench = club(months(1), zone="Pacific/Auckland")
    bench.at("2026-04-30T12:30:00").buy("e1", 2_000)

    assert bench.member().tier_until_ms == ms("2026-07-01T00:00:00+12:00")


def test_a_membership_year_begins_on_the_day_of_the_enrolment() -> None:
    bench = club(membership())
    bench.enrol()
    bench.at("2027-03-14T23:59:59").buy("e1", 1_000)
    bench.at("2027-03-15T00:00:00").buy("e2", 1_000)
    assert bench.member().tier == "bronze"
    bench.at("2028-03-14T00:00:00").buy("e3", 1_000)

    assert changes(bench) == [("silver", "qualified", 20, ms("2028-03-14"))]
    assert bench.member().tier_until_ms == ms("2029-03-15")


def test_who_enrolled_on_29_february_has_28_february_in_other_years() -> None:
    bench = club(membership(), start="2028-02-29T12:00:00")
    bench.buy("e1", 2_000)

    assert bench.member().tier_until_ms == ms("2030-02-28")
    bench.at("2029-02-28T00:00:00").buy("e2", 2_000)
    bench.at("2030-02-28T00:00:00").buy("e3", 2_000)
    assert bench.member().tier_until_ms == ms("2031-02-28")
    bench.at("2031-02-28T00:00:00").adjust("a1", 1)
    assert bench.member().tier_until_ms == ms("2032-02-29")


def test_a_tier_is_kept_for_the_years_stated() -> None:
    bench = club(TierPolicy(keep=3))
    bench.buy("e1", 5_000)

    bench.at("2029-12-31T23:59:59").adjust("a1", 1)
    assert bench.member().tier == "gold"
    bench.at("2030-01-01T00:00:00").adjust("a2", 1)
    assert changes(bench)[1:] == [("bronze", "review", 0, ms("2030-01-01"))]


def test_a_year_that_qualifies_again_counts_from_its_own_end() -> None:
    bench = club(TierPolicy(keep=3))
    bench.buy("e1", 5_000)
    bench.at("2027-05-01T00:00:00").buy("e2", 5_000)
    bench.at("2028-05-01T00:00:00").buy("e3", 2_000)

    bench.at("2030-01-01T00:00:00").adjust("a1", 1)
    assert (bench.member().tier, bench.member().tier_until_ms) == ("gold", ms("2031-01-01"))
    bench.at("2031-01-01T00:00:00").adjust("a2", 1)
    assert changes(bench)[1:] == [("silver", "review", 20, ms("2031-01-01"))]
    assert bench.member().tier_until_ms == ms("2032-01-01")


def test_an_upgrade_waits_for_the_next_period_if_so_stated() -> None:
    bench = club(TierPolicy(next_period=True))
    bench.buy("e1", 2_000)
    bench.at("2026-12-31T23:59:59").buy("e2", 3_000)
    assert bench.member().tier == "bronze"

    bench.engine.tick("live", ms("2027-01-01T01:00:00"), 10)

    assert changes(bench) == [("gold", "qualified", 50, ms("2027-01-01"))]
    assert (bench.member().tier_until_ms, bench.member().tier_rise_ms) == (ms("2028-01-01"), 0)


def test_an_upgrade_that_is_refunded_before_the_next_period_never_comes() -> None:
    bench = club(TierPolicy(next_period=True))
    bench.buy("e1", 5_000)
    bench.refund("r1", "order-e1", 4_000)

    bench.at("2027-02-01T00:00:00").adjust("a1", 1)

    assert (bench.member().tier, changes(bench), bench.member().tier_rise_ms) == ("bronze", [], 0)


def test_an_upgrade_of_rolling_months_comes_with_the_next_month() -> None:
    bench = club(months(3, next_period=True, keep=2))
    bench.buy("e1", 2_000)

    bench.at("2026-04-10T00:00:00").adjust("a1", 1)

    assert changes(bench) == [("silver", "qualified", 20, ms("2026-04-01"))]
    assert bench.member().tier_until_ms == ms("2026-06-01")


def test_a_refund_undoes_a_tier_of_rolling_months_if_so_stated() -> None:
    bench = club(months(12, keep=12, recompute=True))
    bench.buy("e1", 2_000)
    bench.at("2026-08-15T12:00:00").buy("e2", 3_000)
    assert bench.member().tier == "gold"

    bench.later(40 * DAY_MS).refund("r1", "order-e1", 2_000)

    assert [one[:3] for one in changes(bench)[-1:]] == [("silver", "refunded", 30)]


def test_a_late_event_counts_in_the_newest_month() -> None:
    bench = club(months(1))
    bench.buy("e1", 1_000)
    bench.at("2026-05-02T00:00:00").buy("e2", 500)
    bench.buy("e3", 1_500, occurred_at_ms=ms("2026-03-20"))

    assert changes(bench) == [("silver", "qualified", 20, ms("2026-03-20"))]


def test_years_and_months_count_each_by_themselves_when_a_programme_changes() -> None:
    first = program(RULES, tiers=TIERS, program_hash="a" * 64)
    second = program(RULES, tiers=TIERS, program_hash="b" * 64, tier_policy=months(6))
    bench = Bench(first, second, start="2026-03-15T12:00:00")
    bench.activate_next(ms("2026-06-01"))
    bench.buy("e1", 1_900)

    bench.at("2026-06-02T00:00:00").buy("e2", 300)
    assert bench.member().tier == "bronze"
    bench.buy("e3", 100, occurred_at_ms=ms("2026-05-30"))

    assert changes(bench) == [("silver", "qualified", 20, ms("2026-05-30"))]
    assert bench.member().qualifying_periods == {2026 * 12 + 5: 3}


def test_no_more_periods_are_kept_than_matter() -> None:
    bench = club(months(3, keep=2))
    for month in range(60):
        bench.at(f"{2027 + month // 12}-{month % 12 + 1:02}-10T00:00:00").buy(f"e{month}", 100)
    assert len(bench.member().qualifying_periods) == 6

    yearly = club(TierPolicy(keep=4))
    for year in range(2027, 2047):
        yearly.at(f"{year}-05-05T00:00:00").buy(f"e{year}", 100)
    assert list(yearly.member().qualifying_periods) == [2042, 2043, 2044]
