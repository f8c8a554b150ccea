"""Random histories of members in segments, under baselines that come and go, against a naive model of cohorts."""

from __future__ import annotations

from random import Random

import pytest
from core_programs import DAY_MS, FLOOR_POINTS, HOUR_MS, Bench, program

from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.memory import Dead
from pipeline.core.payloads import (
    CohortBaseline,
    CohortBaselines,
    MemberEnrolled,
    PointsAdjusted,
    RedemptionRequested,
    TransactionCompleted,
)
from pipeline.core.program import Reward
from pipeline.core.records import FraudAlert

SEGMENTS = {"a": "young", "b": "young", "c": "old", "d": ""}
TIMES, LEAST, MEMBERS = 2, 30, 100
START_POINTS = 5_000
DAYS = Counter("h:earned:points", "member", "habit", 0, 0)
NONE = Counter("", "member", "", 0, 0)
SIGNALS = (
    Signal(
        "days", "cohort", "deny", True, "earned", "points", TIMES, 0, DAYS, "", 990, after=MEMBERS, least=LEAST,
        by="segment",
    ),
    Signal("takes", "cohort", "deny", True, "redeemed", "points", TIMES, 0, NONE, "", 500, after=MEMBERS, by="all"),
)  # fmt: skip


class Model:
    """What should happen, kept as lists of everything that ever was."""

    def __init__(self) -> None:
        self.published: list[CohortBaselines] = []
        self.balances = dict.fromkeys(SEGMENTS, START_POINTS)
        self.counted: dict[str, list[tuple[int, int]]] = {member: [] for member in SEGMENTS}
        self.denied: list[str] = []
        self.refused = 0

    def publish(self, one: CohortBaselines, now_ms: int) -> None:
        latest = max((other.effective_at_ms for other in self.published), default=-(10**15))
        wait = one.effective_at_ms - now_ms
        if 5 * 60_000 <= wait <= DAY_MS and latest <= now_ms and one.effective_at_ms >= latest + HOUR_MS:
            self.published.append(one)
        else:
            self.refused += 1

    def limit(self, of: str, name: str, column: int, least: int, now_ms: int) -> int | None:
        """Most that is allowed; None where nothing is known."""
        in_force = [one for one in self.published if one.effective_at_ms <= now_ms]
        if not in_force:
            return None
        newest = max(in_force, key=lambda one: one.effective_at_ms)
        for place, cohort in enumerate(newest.cohorts):
            if (cohort.of, cohort.name) == (of, name) and cohort.members >= MEMBERS:
                return max(TIMES * newest.points[2 * place + column], least)
        return None

    def buy(self, event_id: str, member: str, points: int, occurred_ms: int, now_ms: int) -> None:
        days = self.counted[member]
        day = max([occurred_ms // DAY_MS, *(one for one, _ in days)])
        total = points + sum(amount for one, amount in days if one == day)
        limit = self.limit("earned", SEGMENTS[member], 1, LEAST, now_ms)
        if limit is not None and total > limit:
            self.denied.append(event_id)
        else:
            self.balances[member] += points
            days.append((day, points))

    def redeem(self, event_id: str, member: str, points: int, now_ms: int) -> None:
        limit = self.limit("redeemed", "", 0, 0, now_ms)
        if limit is not None and points > limit:
            self.denied.append(event_id)
        else:
            self.balances[member] -= points


def baselines(draw: Random, number: int, now_ms: int) -> CohortBaselines:
    """Some cohorts of all sizes, in force some time from now, or never."""
    known = [("earned", "segment", "day", name) for name in ("young", "old", "")] + [("redeemed", "all", "event", "")]
    cohorts = [
        CohortBaseline(of, "points", by, per, name, draw.choice((MEMBERS - 1, MEMBERS, 10 * MEMBERS)))
        for of, by, per, name in known
        if draw.random() < 0.8
    ]
    points = [draw.randrange(0, 60) for _ in range(2 * len(cohorts))]
    wait_ms = draw.choice((60_000, 5 * 60_000, HOUR_MS, 7 * HOUR_MS, 2 * DAY_MS))
    return CohortBaselines(f"b{number}", now_ms + wait_ms, 0, now_ms, [500, 990], cohorts, points, "ada")


@pytest.mark.parametrize("seed", range(12))
def test_core_and_model_deny_the_same_events_and_leave_the_same_points(seed: int) -> None:
    draw, model = Random(seed), Model()
    reward = Reward("voucher", FLOOR_POINTS, 1, "house", (), ())
    bench = Bench(program(rewards=(reward,), fraud=FraudProgram(SIGNALS, {})))
    for member, segment in SEGMENTS.items():
        bench.send(f"join-{member}", MemberEnrolled("", segment, ""), member)
        bench.send(f"gift-{member}", PointsAdjusted("", START_POINTS, "start", "ada"), member)
    for number in range(250):
        bench.later(draw.choice((60_000, HOUR_MS, 5 * HOUR_MS)))
        if draw.random() < 0.3:
            told = baselines(draw, number, bench.now_ms)
            bench.engine.take_baselines(told, bench.now_ms)
            model.publish(told, bench.now_ms)
        event_id, member, points = f"e{number}", draw.choice(list(SEGMENTS)), draw.randrange(1, 90)
        if draw.random() < 0.3:
            bench.send(event_id, RedemptionRequested(event_id, "voucher", points, ""), member)
            model.redeem(event_id, member, points, bench.now_ms)
        else:
            occurred_ms = bench.now_ms - draw.choice((0, 0, HOUR_MS, DAY_MS, 3 * DAY_MS))
            payload = TransactionCompleted(event_id, points * 100, "EUR", "", "", "", [])
            bench.apply(Event(event_id, member, occurred_ms, "shop", "", {}, payload, bench.now_ms))
            model.buy(event_id, member, points, occurred_ms, bench.now_ms)

    assert [alert.event_id for alert in bench.of(FraudAlert)] == model.denied
    assert {member: bench.state.members[member].wallets["points"].available for member in SEGMENTS} == model.balances
    assert len(bench.of(Dead)) == model.refused
    assert len(model.denied) > 10 and len(model.published) > 5 and model.refused > 5
