"""Points that are given away: a transfer takes them as a redemption does, so signals stop it, too."""

from __future__ import annotations

from core_programs import DAY_MS, FLOOR_POINTS, Bench
from core_programs import program as make
from fraud_signals import VOUCHER, signal

from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.payloads import Payload, PointsAdjusted, ProfileChanged, RedemptionRequested, TransferRequested
from pipeline.core.records import FraudAlert, ReviewChange
from pipeline.core.transfer_terms import TransferTerms

NONE = Counter("", "member", "", 0, 0)


def bench_of(one: Signal) -> Bench:
    """A member with points, known by the device `phone`."""
    types = {one.signal_id: ("transfer_requested",)} if one.measure == "events" else {}
    made = make(fraud=FraudProgram((one,), types), rewards=(VOUCHER,))
    made.transfers = TransferTerms((FLOOR_POINTS.unit_id,), 1, renews=False, limits=())
    bench = Bench(made)
    send(bench, "gift", PointsAdjusted("", 1_000, "x", "ada"))
    return bench


def send(bench: Bench, event_id: str, payload: Payload, device: str = "phone") -> str:
    bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", {"device": device}, payload, bench.now_ms))
    return bench.reason


def give(bench: Bench, event_id: str, points: int = 100, device: str = "phone") -> str:
    return send(bench, event_id, TransferRequested(event_id, "friend", points), device)


def takeover(action: str, live: bool = True) -> Signal:
    return Signal("it", "takeover", action, live, "device", "", 0, DAY_MS, NONE, "so")


def test_a_taken_over_account_gives_no_points_away() -> None:
    for action in ("deny", "review", "freeze"):
        bench = bench_of(takeover(action))
        send(bench, "p1", ProfileChanged("FR"))

        assert give(bench, "t1") == "", "by the member's own phone"
        assert give(bench, "t2", 300, "thief") == "fraud_denied"
        (alert,) = bench.of(FraudAlert)
        assert (alert.event_id, alert.points) == ("t2", 300)
        assert bench.balances() == (900, 0, 0, 0)


def test_a_shadow_signal_lets_a_transfer_pass() -> None:
    bench = bench_of(takeover("deny", live=False))
    send(bench, "p1", ProfileChanged("FR"))

    assert give(bench, "t1", 100, "thief") == ""
    assert len(bench.of(FraudAlert)) == 1


def test_a_freeze_by_a_transfer_refuses_redemptions_from_then_on() -> None:
    bench = bench_of(takeover("freeze"))
    send(bench, "p1", ProfileChanged("FR"))
    give(bench, "t1", 100, "thief")

    assert send(bench, "r1", RedemptionRequested("r1", "voucher")) == "redemptions_frozen"
    assert [change.freezes for change in bench.of(ReviewChange)] == [True]


def test_so_many_transfers_a_day_and_no_more() -> None:
    bench = bench_of(signal("events", 2, within_ms=DAY_MS))

    assert [give(bench, f"t{number}") for number in range(4)] == ["", "", "fraud_denied", "fraud_denied"]
    assert give(bench.later(DAY_MS), "t9") == "", "what was denied is not counted"
