"""Expiry: a period, the end of a month or year, or sliding with activity; never while held."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, NONE, Bench, Period, Reward, Unit, moves, ms, program, rule, table

from pipeline.core.expiry import SLIDING_MS
from pipeline.core.lots import next_due
from pipeline.core.program import Program
from pipeline.core.wallet import Lot

SLIDING = Unit("points", "floor", Period(12, 0), sliding=True)
BOTH = Unit("points", "floor", Period(12, 0), sliding=True, slides_by_redeeming=True)


def shop(unit: Unit, zone: str = "UTC", program_hash: str = "p" * 64, pending: Period = NONE) -> Program:
    return program(
        {"transaction_completed": table(rule(unit=unit, pending=pending))},
        units=(unit,),
        rewards=[Reward("voucher", unit, 5, "external", (), ())],
        zone=zone,
        program_hash=program_hash,
    )


@pytest.mark.parametrize(
    ("lasts", "bought", "zone", "expires"),
    [
        (Period(12, 0, "month"), "2026-01-31T09:00:00", "UTC", "2027-02-01T00:00:00"),
        (Period(12, 0, "year"), "2026-01-31T09:00:00", "UTC", "2028-01-01T00:00:00"),
        (Period(0, 0, "month"), "2026-02-28T23:59:59", "UTC", "2026-03-01T00:00:00"),
        (Period(0, 0, "year"), "2026-12-31T23:30:00", "America/New_York", "2027-01-01T05:00:00"),
        (Period(1, 0, "month"), "2026-02-28T23:30:00", "Europe/Berlin", "2026-04-30T22:00:00"),
        (Period(1, 0, "month"), "2026-02-15T12:00:00", "Europe/Berlin", "2026-03-31T22:00:00"),
        (Period(0, DAY_MS, "month"), "2026-03-31T00:00:00", "UTC", "2026-05-01T00:00:00"),
    ],
)
def test_points_expire_at_the_end_of_the_month_or_year_after_the_period(
    lasts: Period, bought: str, zone: str, expires: str
) -> None:
    bench = Bench(shop(Unit("points", "floor", lasts), zone), start=bought)

    bench.buy("e1", 1_000)

    assert bench.wallet().lots == [Lot(1, 10, 0, ms(expires))]
    bench.now_ms = ms(expires) - 1
    bench.enrol()
    assert bench.balances() == (10, 0, 0, 0)
    bench.later(1).enrol("again")
    assert bench.balances() == (0, 0, 0, 0)


def test_the_end_of_the_month_counts_from_availability() -> None:
    bench = Bench(shop(Unit("points", "floor", Period(0, 0, "month")), pending=Period(0, 14 * DAY_MS)))

    bench.at("2026-01-20T12:00:00").buy("e1", 1_000)

    assert bench.wallet().pending_lots == [Lot(1, 10, ms("2026-02-03T12:00:00"), ms("2026-03-01"))]


def test_earning_prolongs_all_points_of_a_sliding_unit() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.at("2026-11-10T12:00:00").buy("e2", 500)

    assert bench.member().next_due_ms == ms("2027-11-10T12:00:00")
    bench.at("2027-11-10T11:59:59").enrol()
    assert bench.balances() == (15, 0, 0, 0)
    outputs = bench.at("2027-11-10T12:00:00").enrol("again")
    assert moves(outputs) == [("expire", 10, "available", "expired"), ("expire", 5, "available", "expired")]
    assert [entry.event_id for entry in bench.entries[2:]] == ["due:expire:1", "due:expire:2"]
    assert bench.member().next_due_ms == 0


def test_points_given_by_hand_prolong_too_and_a_refund_does_not() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000, order_id="o")
    bench.at("2026-02-10T12:00:00").adjust("e2", 3)
    bench.at("2026-03-10T12:00:00").refund("e3", "o", 500)

    assert bench.wallet().slides_until_ms == ms("2027-02-10T12:00:00")


def test_redeeming_prolongs_where_the_unit_says_so() -> None:
    for unit, until in ((SLIDING, "2027-01-10T12:00:00"), (BOTH, "2027-06-01T00:00:00")):
        bench = Bench(shop(unit), start="2026-01-10T12:00:00")
        bench.buy("e1", 1_000)
        bench.at("2026-06-01").redeem("r")

        assert bench.wallet().slides_until_ms == ms(until)


def test_a_late_event_never_shortens_the_life_of_sliding_points() -> None:
    bench = Bench(shop(SLIDING), start="2026-06-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.buy("e2", 1_000, occurred_at_ms=ms("2026-05-01"))

    assert bench.wallet().slides_until_ms == ms("2027-06-10T12:00:00")


def test_a_pending_award_prolongs_from_when_it_becomes_available() -> None:
    bench = Bench(shop(SLIDING, pending=Period(3, 0)), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)

    assert bench.wallet().slides_until_ms == ms("2027-04-10T12:00:00")
    bench.at("2027-04-10T11:59:59").enrol()
    assert bench.balances() == (10, 0, 0, 0)


def test_sliding_points_on_hold_never_expire_and_do_when_they_return_too_late() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.redeem("r1")
    bench.at("2027-02-01").buy("e2", 700)
    assert bench.balances() == (7, 0, 5, 0)

    outputs = bench.outcome("f", "redemption-r1", "failed")

    assert moves(outputs) == [("void", 5, "held", "available"), ("expire", 5, "available", "expired")]
    assert bench.balances() == (7, 0, 0, 0)


def test_sliding_points_on_hold_live_on_with_the_others_while_there_is_activity() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.redeem("r1")
    bench.at("2026-12-01").buy("e2", 700)
    bench.at("2027-02-01").outcome("f", "redemption-r1", "failed")

    assert bench.balances() == (17, 0, 0, 0)


def test_a_lot_of_a_late_event_that_is_born_expired_expires_at_once() -> None:
    short = Unit("points", "floor", Period(0, 30 * DAY_MS), sliding=True)
    bench = Bench(shop(short), start="2026-06-10T12:00:00")
    bench.enrol()

    outputs = bench.buy("e1", 1_000, occurred_at_ms=ms("2026-05-01"))

    assert moves(outputs) == [("earn", 10, "issued", "available"), ("expire", 10, "available", "expired")]


def test_a_quiet_members_sliding_points_expire_by_tick() -> None:
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.at("2027-01-10T12:15:00")

    assert bench.engine.tick("live", bench.now_ms, 10)

    assert bench.balances() == (0, 0, 0, 0)
    assert bench.state.due(1 << 62, 10) == []


def test_dates_given_before_a_unit_slides_stay_and_burn_first() -> None:
    fixed = shop(Unit("points", "floor", Period(6, 0)))
    bench = Bench(fixed, shop(SLIDING, program_hash="b" * 64), start="2026-01-10T12:00:00")
    bench.buy("e1", 1_000)
    bench.activate_next(ms("2026-02-01"))
    bench.at("2026-02-02").buy("e2", 300)

    assert [(lot.points, lot.expires_at_ms) for lot in bench.wallet().lots] == [
        (10, ms("2026-07-10T12:00:00")),
        (3, SLIDING_MS),
    ]
    assert next_due(bench.member()) == ms("2026-07-10T12:00:00")


def test_an_event_costs_the_same_for_a_member_with_many_sliding_lots() -> None:
    """No lot is touched by activity: only the wallet's date moves."""
    bench = Bench(shop(SLIDING), start="2026-01-10T12:00:00")
    for number in range(300):
        bench.later(1_000).buy(f"e{number}", 100)
    before = [lot.to_tuple() for lot in bench.wallet().lots]

    bench.at("2026-05-10T12:00:00").buy("last", 100)

    assert [lot.to_tuple() for lot in bench.wallet().lots[:-1]] == before
    assert bench.member().next_due_ms == ms("2027-05-10T12:00:00")
