"""Programmes with fraud signals, built by hand."""

from __future__ import annotations

from core_programs import FLOOR_POINTS as POINTS
from core_programs import Bench, Reward
from core_programs import program as make

from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.program import Program

MINUTE_MS = 60_000
VOUCHER = Reward("voucher", POINTS, 10, "house", (), ())


def signal(
    measure: str,
    at_most: int,
    *,
    within_ms: int = 0,
    every: str = "",
    action: str = "deny",
    live: bool = True,
    by: str = "member",
    per: int = 0,
    name: str = "it",
) -> Signal:
    """A signal with a counter of its own."""
    counter = Counter(f"{measure}/{every}{by}", by, every, within_ms, 101)
    spent = Counter(f"s/{every}", "member", every, 0, 0) if per else None
    unit = "points" if measure in ("earned", "earnings", "redeemed") else ""
    kind = "spending" if per else "velocity"
    return Signal(name, kind, action, live, measure, unit, at_most, within_ms, counter, "so much", per, spent)


def with_signals(*signals: Signal, types: tuple[str, ...] = (), zone: str = "UTC", **more: object) -> Program:
    fraud = FraudProgram(signals, {one.signal_id: types for one in signals if one.measure == "events"})
    return make(fraud=fraud, rewards=(VOUCHER,), zone=zone, **more)  # type: ignore[arg-type]


def rich(*signals: Signal, zone: str = "UTC", start: str = "2026-01-10T12:00:00") -> Bench:
    """A member with plenty of points."""
    bench = Bench(with_signals(*signals, zone=zone), start=start)
    bench.adjust("gift", 100_000)
    return bench


def redeemed(bench: Bench, at: str, event_id: str) -> str:
    bench.at(at).redeem(event_id)
    return bench.reason
