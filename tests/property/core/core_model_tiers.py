"""The naive model's tiers: all points that ever qualified, by the label of their period, added up when they matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core_model_arithmetic import millis

from pipeline.core.program import Program

Timeline = Callable[[int], Program]
Label: TypeAlias = tuple[int, ...]
"""(year,) or, of rolling months, (year, month)."""


@dataclass
class ModelTiers:
    """`qualified` are (label of the period, points), taken back ones below 0. `rise_at` is when a tier is entered that
    was reached before."""

    timeline: Timeline
    automatic: bool = True
    tier: str = ""
    tier_until: int = 0
    rise_at: int = 0
    enrolled_at: int = 0
    tiers: list[tuple[str, str, str, int]] = field(default_factory=list)
    qualified: list[tuple[Label, int]] = field(default_factory=list)

    def label(self, at: int, program: Program) -> Label:
        """Of the period that holds a time."""
        today = datetime.fromtimestamp(at / 1000, program.zone).date()
        if program.tier_policy.period == "rolling_months":
            return (today.year, today.month)
        if program.tier_policy.period == "calendar_year":
            return (today.year,)
        return (today.year,) if today >= self.day_of(today.year, program) else (today.year - 1,)

    def day_of(self, year: int, program: Program) -> date:
        """The day in a year on which the member enrolled."""
        day = datetime.fromtimestamp(self.enrolled_at / 1000, program.zone).date()
        while True:
            try:
                return day.replace(year=year)
            except ValueError:
                day -= timedelta(days=1)

    def begins(self, label: Label, program: Program) -> int:
        first = date(*label, 1) if len(label) == 2 else date(label[0], 1, 1)
        if program.tier_policy.period == "membership_year":
            first = self.day_of(label[0], program)
        return millis(datetime(first.year, first.month, first.day, tzinfo=program.zone))

    def newest(self, program: Program) -> Label:
        length = 2 if program.tier_policy.period == "rolling_months" else 1
        return max((label for label, _ in self.qualified if len(label) == length), default=(1, 1)[:length])

    def counting(self, at: int, program: Program) -> Label:
        return max(self.label(at, program), self.newest(program))

    def together(self, label: Label, program: Program) -> int:
        """Points that count in a period; those of periods too old to matter to the newest are forgotten."""
        first = step(label, -program.tier_policy.months) if len(label) == 2 else label
        first = max(first, self.oldest(program))
        return sum(points for one, points in self.qualified if len(one) == len(label) and first <= one <= label)

    def oldest(self, program: Program) -> Label:
        """The first period that a tier of the newest could still rest on."""
        policy, newest = program.tier_policy, self.newest(program)
        if newest[0] == 1:  # none has counted yet
            return newest
        return step(newest, -(policy.months + policy.keep if len(newest) == 2 else max(policy.keep, 1)))

    def reached(self, points: int, program: Program) -> list[str]:
        """Tiers that so many points reach, the first always."""
        return [tier.tier_id for tier in program.tiers if tier.threshold <= max(points, 0)]

    def rank(self, program: Program) -> int:
        return [tier.tier_id for tier in program.tiers].index(self.tier)

    def kept_until(self, label: Label, program: Program) -> int:
        return self.begins(step(label, program.tier_policy.keep + 1), program) + program.tier_policy.grace_ms

    def qualify(self, label: Label, points: int, program: Program, at: int) -> None:
        self.qualified.append((label, points))
        self.rise(label, program, at)

    def rise(self, label: Label, program: Program, at: int) -> None:
        """After points were counted: a better tier now, or when the next period begins."""
        reached = self.reached(self.together(label, program), program)
        if len(reached) - 1 <= self.rank(program):
            return
        if program.tier_policy.next_period:
            self.rise_at = self.rise_at or self.begins(step(label, 1), program)
        else:
            self.change_tier(reached[-1], self.kept_until(label, program), "qualified", at)

    def nearest(self, at: int, program: Program) -> Label:
        """The period whose beginning is nearest."""
        half = 14 if program.tier_policy.period == "rolling_months" else 182
        return self.label(at + half * 86_400_000, program)

    def rise_later(self, at: int) -> None:
        self.rise_at = 0
        program = self.timeline(at)
        ended = step(self.nearest(at, program), -1)
        reached = self.reached(self.together(ended, program), program)
        if len(reached) - 1 > self.rank(program):
            self.change_tier(reached[-1], self.kept_until(ended, program), "qualified", at)

    def review(self, at: int) -> None:
        """The period that begins nearest to the review less its grace is under way; those before it have ended."""
        program = self.timeline(at)
        policy = program.tier_policy
        begun = self.nearest(at - policy.grace_ms, program)
        ended = step(begun, -1)
        reached, resting = [program.tiers[0].tier_id], ended
        if policy.period == "rolling_months":
            reached = self.reached(self.together(begun, program), program)
        else:
            for back in range(policy.keep):
                year = step(ended, -back)
                points = self.together(year, program)
                if policy.grace_ms and not back:
                    points = max(points, self.together(begun, program))
                if len(self.reached(points, program)) > len(reached):
                    reached, resting = self.reached(points, program), year
        known = [tier.tier_id for tier in program.tiers]
        if policy.one_down and self.rank(program) > len(reached):
            reached, resting = known[: self.rank(program)], ended
        self.qualified.append((max(begun, self.newest(program)), 0))
        until = 0 if len(reached) == 1 else self.kept_until(resting, program)
        self.change_tier(reached[-1], until, "review", at)

    def resting(self, program: Program) -> int:
        """The best that the tier can rest on: the newest period and as many before it as one is kept."""
        newest = self.newest(program)
        return max(self.together(step(newest, -back), program) for back in range(program.tier_policy.keep + 1))

    def fall(self, before: int, program: Program, at: int) -> None:
        """After a refund: a tier that rested on what there was before, and no longer does, falls."""
        now = self.reached(self.resting(program), program)
        if program.tier_policy.recompute and len(now) <= self.rank(program) < len(self.reached(before, program)):
            self.change_tier(now[-1], self.tier_until if len(now) > 1 else 0, "refunded", at)

    def change_tier(self, tier: str, until: int, reason: str, at: int) -> None:
        if tier != self.tier:
            self.tiers.append((self.tier, tier, reason, at))
        self.tier, self.tier_until = tier, until


def step(label: Label, count: int) -> Label:
    """So many periods later."""
    if len(label) == 1:
        return (label[0] + count,)
    year, month = label
    for _ in range(abs(count)):
        month += 1 if count > 0 else -1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    return (year, month)
