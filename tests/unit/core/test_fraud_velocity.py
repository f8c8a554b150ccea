"""Velocity signals: exactly the first event over the limit is stopped, whatever the order."""

from __future__ import annotations

import random

import pytest
from core_programs import DAY_MS, HOUR_MS, Bench, moves, ms
from fraud_signals import MINUTE_MS, redeemed, rich, signal, with_signals

from pipeline.core.fraud_counts import Counts, count, used
from pipeline.core.fraud_program import Counter
from pipeline.core.payloads import RedemptionRequested, TransactionCompleted
from pipeline.core.records import FraudAlert


def test_one_redemption_an_hour_denies_exactly_the_second() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))

    assert redeemed(bench, "2026-01-10T12:00:00", "r1") == ""
    assert redeemed(bench, "2026-01-10T12:59:59.999", "r2") == "fraud_denied"
    assert redeemed(bench, "2026-01-10T13:00:00", "r3") == "", "an hour after it, to the millisecond"
    assert redeemed(bench, "2026-01-10T13:59:59.999", "r4") == "fraud_denied"
    assert bench.wallet().held == 20


def test_what_was_denied_is_not_counted_and_holds_nothing() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))
    redeemed(bench, "2026-01-10T12:00:00", "r1")
    for number in range(5):
        outputs = bench.at(f"2026-01-10T12:{10 * number + 10}:00").redeem(f"x{number}")
        assert moves(outputs) == []

    assert redeemed(bench, "2026-01-10T13:00:00", "r2") == ""


def test_the_alert_says_what_was_measured_and_what_had_been_counted() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))
    bench.redeem("r1")
    bench.later(MINUTE_MS).redeem("r2")

    (alert,) = bench.of(FraudAlert)
    assert (alert.signal_id, alert.kind, alert.action, alert.mode) == ("it", "velocity", "deny", "live")
    assert (alert.value, alert.limit, alert.points, alert.event_id) == (2, 1, 10, "r2")
    assert [(one.occurred_at_ms, one.value) for one in alert.history] == [(bench.now_ms - MINUTE_MS, 1)]
    assert {fact.name: fact.value for fact in alert.evidence}["available"] == "99990"


def test_a_repeated_record_is_no_second_redemption() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))
    bench.redeem("r1")
    bench.redeem("r1")

    assert bench.of(FraudAlert) == []
    assert redeemed(bench, "2026-01-10T13:00:00", "r2") == ""


def test_a_late_event_is_judged_by_every_window_that_holds_it() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))
    at = bench.now_ms
    bench.later(2 * HOUR_MS).redeem("r1")

    def late(event_id: str, occurred_at_ms: int) -> str:
        bench.send(event_id, RedemptionRequested(event_id, "voucher"), occurred_at_ms=occurred_at_ms)
        return bench.reason

    assert late("l1", at + HOUR_MS + 1) == "fraud_denied", "less than an hour before the one at two o'clock"
    assert late("l2", at + HOUR_MS) == "", "an hour before it"
    assert late("l3", at + HOUR_MS) == "fraud_denied"
    assert late("l4", at) == "fraud_denied", "later than an hour counts as late by an hour"


@pytest.mark.parametrize("seed", range(20))
def test_no_window_ever_holds_more_whatever_the_order_and_nothing_is_denied_in_vain(seed: int) -> None:
    """Against counting from scratch: a moment is let in exactly if every window with it stays within the limit."""
    draw = random.Random(seed)
    length, at_most = draw.choice([10, 25]), draw.choice([1, 2, 5])
    counter = Counter("c", "member", "", length, 101)
    counts, calendar = Counts(), with_signals().calendar
    let_in: list[int] = []
    now = 1_000
    for _ in range(300):
        now += draw.randrange(4)
        at = now - draw.choice([0, 0, 0, draw.randrange(length)])
        together = sorted([*let_in, at])
        worst = max(sum(end - length < one <= end for one in together) for end in together if at <= end < at + length)
        fits = worst <= at_most
        newest = max(let_in, default=at)
        if at > newest - length:
            assert (used(counts, counter, "c", length, calendar, at) + 1 <= at_most) == fits
        if fits:
            count(counts, counter, "c", calendar, at, 1)
            let_in.append(at)


def test_calendar_windows_begin_and_end_to_the_millisecond() -> None:
    bench = rich(signal("redemptions", 1, every="day"))

    assert redeemed(bench, "2026-01-10T23:59:59.998", "r1") == ""
    assert redeemed(bench, "2026-01-10T23:59:59.999", "r2") == "fraud_denied"
    assert redeemed(bench, "2026-01-11T00:00:00", "r3") == ""


def test_a_late_event_counts_in_the_day_before() -> None:
    bench = rich(signal("earnings", 1, every="day"))
    bench.at("2026-01-10T20:00:00").buy("e1", 100)
    bench.at("2026-01-11T01:00:00")

    bench.buy("late", 100, occurred_at_ms=ms("2026-01-10T21:00:00"))
    assert [alert.event_id for alert in bench.of(FraudAlert)] == ["late"]
    bench.buy("today", 100)
    assert len(bench.of(FraudAlert)) == 1, "today has a window of its own"


def test_hours_that_clocks_repeat_are_two_windows_and_a_short_day_is_one() -> None:
    bench = rich(signal("redemptions", 1, every="hour"), zone="Europe/Berlin", start="2026-10-24T12:00:00")
    assert redeemed(bench, "2026-10-25T02:30:00+02:00", "r1") == ""
    assert redeemed(bench, "2026-10-25T02:59:59+02:00", "r2") == "fraud_denied"
    assert redeemed(bench, "2026-10-25T02:00:00+01:00", "r3") == "", "the repeated hour"

    bench = rich(signal("redemptions", 1, every="day"), zone="Europe/Berlin", start="2026-03-28T12:00:00")
    assert redeemed(bench, "2026-03-29T00:00:00+01:00", "r1") == ""
    assert redeemed(bench, "2026-03-29T23:59:59+02:00", "r2") == "fraud_denied"
    assert redeemed(bench, "2026-03-30T00:00:00+02:00", "r3") == "", "a day of 23 hours"


def test_a_sliding_hour_is_an_hour_of_real_time_when_clocks_change() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS), zone="Europe/Berlin", start="2026-10-24T12:00:00")

    assert redeemed(bench, "2026-10-25T02:30:00+02:00", "r1") == ""
    assert redeemed(bench, "2026-10-25T02:29:59+01:00", "r2") == "fraud_denied"
    assert redeemed(bench, "2026-10-25T02:30:00+01:00", "r3") == ""


def test_a_hundred_redemptions_in_rapid_succession() -> None:
    bench = rich(signal("redemptions", 5, within_ms=10 * MINUTE_MS))
    for number in range(100):
        bench.later(1_000).redeem(f"r{number}")

    alerts = bench.of(FraudAlert)
    assert [alert.event_id for alert in alerts] == [f"r{number}" for number in range(5, 100)]
    assert bench.wallet().held == 50


def test_attempts_count_what_was_refused_too() -> None:
    bench = Bench(with_signals(signal("attempts", 2, within_ms=HOUR_MS)))
    bench.adjust("gift", 15)
    for event_id in ("r1", "r2", "r3"):
        bench.redeem(event_id)

    assert [alert.event_id for alert in bench.of(FraudAlert)] == ["r3"]
    bench.adjust("more", 100)
    bench.redeem("r4")
    assert bench.reason == "fraud_denied"


def test_points_redeemed_over_a_window() -> None:
    bench = rich(signal("redeemed", 35, within_ms=DAY_MS))

    bench.redeem("r1", quantity=3)
    bench.redeem("r2")
    assert bench.reason == "fraud_denied", "30 and 10 are over 35"
    bench.later(DAY_MS).redeem("r3", quantity=3)
    assert bench.reason == ""


def test_the_part_of_a_purchase_paid_with_points_is_a_redemption() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS))
    bench.redeem("r1")

    bench.send("e1", TransactionCompleted("o1", 500, "EUR", points_paid=10, points_paid_minor=100))
    assert bench.reason == "fraud_denied"
    bench.buy("e2", 500)
    assert bench.reason == "", "a purchase paid with money is never refused"
