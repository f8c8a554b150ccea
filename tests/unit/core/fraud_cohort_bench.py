"""Cohort signals and baselines, built by hand, and a member who is judged by them."""

from __future__ import annotations

from core_programs import Bench
from fraud_signals import MINUTE_MS, with_signals

from pipeline.core.fraud_program import Counter, Signal
from pipeline.core.payloads import (
    CohortBaseline,
    CohortBaselines,
    MemberEnrolled,
)
from pipeline.core.records import FraudAlert

LEAD_MS = 5 * MINUTE_MS


def cohort_signal(
    by: str = "segment", *, of: str = "earned", per: str = "event", times: int = 5, least: int = 0,
    members: int = 200, action: str = "review", live: bool = True,
) -> Signal:  # fmt: skip
    counter = Counter(f"h:{of}:points" if per == "day" else "", "member", "habit", 0, 0)
    return Signal(
        "it", "cohort", action, live, of, "points", times, 0, counter, "much", 999, after=members, least=least, by=by
    )  # fmt: skip


def baselines(
    effective_at_ms: int, *cohorts: tuple[CohortBaseline, int], name: str = "b", permille: tuple[int, ...] = (500, 999)
) -> CohortBaselines:
    """Of each cohort the 99.9th percentile, twice the median."""
    points = [one for _, high in cohorts for one in (high // 2, high)]
    return CohortBaselines(
        name, effective_at_ms, 0, effective_at_ms, list(permille), [one for one, _ in cohorts], points, "test"
    )  # fmt: skip


def cohort(
    name: str, by: str = "segment", *, of: str = "earned", per: str = "event", members: int = 200
) -> CohortBaseline:
    return CohortBaseline(of, "points", by, per, name, members)


def judged_by(signal: Signal, *cohorts: tuple[CohortBaseline, int]) -> Bench:
    """A student, by baselines that are in force now."""
    bench = Bench(with_signals(signal))
    bench.send("enrol", MemberEnrolled("", "students", ""))
    bench.engine.take_baselines(baselines(bench.now_ms + LEAD_MS, *cohorts), bench.now_ms)
    return bench.later(LEAD_MS)


def alerts(bench: Bench) -> list[tuple[str, int, int]]:
    return [(one.event_id, one.value, one.limit) for one in bench.of(FraudAlert)]
