"""Cohort signals: far more than others of a segment or tier, or with a partner, come to, by published baselines."""

from __future__ import annotations

from core_programs import DAY_MS, Bench, program
from fraud_cohort_bench import LEAD_MS, alerts, baselines, cohort, cohort_signal, judged_by
from fraud_signals import with_signals

from pipeline.core.events import Event
from pipeline.core.payloads import (
    TransactionCompleted,
)
from pipeline.core.records import FraudAlert


def test_the_first_point_beyond_so_many_times_the_percentile_sets_it_off() -> None:
    bench = judged_by(cohort_signal(times=5), (cohort("students"), 20))
    bench.buy("exactly", 100_00)
    bench.buy("beyond", 101_00)

    assert alerts(bench) == [("beyond", 101, 100)]
    assert bench.wallet().available == 100
    assert [review.signal_id for review in bench.member().reviews.values()] == ["it"]


def test_the_alert_tells_cohort_members_percentile_and_baselines() -> None:
    bench = judged_by(cohort_signal(), (cohort("students", members=4_711), 20))
    bench.buy("beyond", 101_00)

    (alert,) = bench.of(FraudAlert)
    told = {fact.name: fact.value for fact in alert.evidence}
    assert (alert.kind, alert.key, alert.points) == ("cohort", "students", 101)
    assert (told["cohort"], told["cohort_members"]) == ("segment:students", "4711")
    assert (told["cohort_permille"], told["cohort_points"]) == ("999", "20")
    assert (told["baseline_id"], told["baseline_effective_at_ms"]) == ("b", str(bench.now_ms))


def test_a_cohort_that_was_not_measured_judges_nothing_and_neither_does_that_of_all() -> None:
    bench = judged_by(cohort_signal(), (cohort("pensioners"), 1), (cohort("", "all"), 1))
    bench.buy("e", 1_000_00)

    assert alerts(bench) == []


def test_a_percentile_that_was_not_measured_judges_nothing() -> None:
    bench = Bench(with_signals(cohort_signal("all")))
    record = baselines(bench.now_ms + LEAD_MS, (cohort("", "all"), 1), permille=(500, 990))
    bench.engine.take_baselines(record, bench.now_ms)
    bench.later(LEAD_MS).buy("e", 1_000_00)

    assert alerts(bench) == []


def test_a_cohort_of_one_member_too_few_judges_nothing() -> None:
    for members, expected in ((199, []), (200, [("e", 101, 100)])):
        bench = judged_by(cohort_signal(members=200), (cohort("students", members=members), 20))
        bench.buy("e", 101_00)
        assert alerts(bench) == expected


def test_what_is_below_the_least_is_never_stopped() -> None:
    bench = judged_by(cohort_signal(least=500), (cohort("students"), 20))
    bench.buy("at", 500_00)
    bench.buy("beyond", 501_00)

    assert alerts(bench) == [("beyond", 501, 500)]


def test_without_baselines_nothing_is_judged() -> None:
    bench = Bench(with_signals(cohort_signal("all")))
    bench.buy("e", 1_000_000_00)

    assert alerts(bench) == []


def test_members_of_no_tier_are_a_cohort_and_the_tier_is_that_at_the_event() -> None:
    bench = judged_by(cohort_signal("tier"), (cohort("", "tier"), 20), (cohort("gold", "tier"), 1_000))
    bench.buy("none", 101_00)
    bench.member().tier = "gold"
    bench.buy("gold", 101_00)

    assert alerts(bench) == [("none", 101, 100)]


def test_a_partner_is_that_of_the_event_and_events_without_one_are_not_judged() -> None:
    bench = judged_by(cohort_signal("partner"), (cohort("air", "partner"), 20), (cohort("", "partner"), 1))
    for event_id, attributes in (("air", {"partner": "air"}), ("own", {}), ("new", {"partner": "new"})):
        payload = TransactionCompleted(event_id, 101_00, "EUR", "", "", "", [])
        bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", attributes, payload, bench.now_ms))

    assert alerts(bench) == [("air", 101, 100)]


def test_by_day_the_event_that_brings_the_day_beyond_sets_it_off_and_a_new_day_begins_anew() -> None:
    bench = judged_by(cohort_signal(per="day"), (cohort("students", per="day"), 20))
    for number in range(4):
        bench.buy(f"e{number}", 40_00)
    bench.later(DAY_MS).buy("next", 100_00)

    assert alerts(bench) == [("e2", 120, 100), ("e3", 120, 100)], "what is under review is not counted"


def test_a_late_event_counts_on_the_newest_day() -> None:
    bench = judged_by(cohort_signal(per="day"), (cohort("students", per="day"), 20))
    bench.buy("today", 100_00)
    bench.buy("late", 1_00, occurred_at_ms=bench.now_ms - DAY_MS)

    assert alerts(bench) == [("late", 101, 100)]


def test_redemptions_are_judged_by_what_their_cohort_redeems() -> None:
    bench = judged_by(cohort_signal("all", of="redeemed", action="deny"), (cohort("", "all", of="redeemed"), 4))
    bench.adjust("gift", 1_000)
    bench.redeem("two", quantity=2)
    bench.redeem("three", quantity=3)

    assert bench.reason == "fraud_denied"
    assert alerts(bench) == [("three", 30, 20)]


def test_in_shadow_it_only_tells() -> None:
    bench = judged_by(cohort_signal(live=False), (cohort("students"), 20))
    bench.buy("e", 101_00)

    assert alerts(bench) == [("e", 101, 100)]
    assert bench.wallet().available == 101


def test_programmes_without_such_signals_keep_no_days() -> None:
    bench = Bench(program())
    bench.buy("e", 100_00)

    assert bench.member().counts is None
