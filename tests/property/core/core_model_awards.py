"""What rules award in the naive model, and what every event does; limits are replayed from all that was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core_model_arithmetic import dates, desired, millis, minimum, window
from core_model_ledger import ModelLedger, ModelLot

from pipeline.core.program import Limit, Program, Rule


@dataclass
class ModelAwards(ModelLedger):
    """The frame of every event, and the awards of purchases."""

    def event(
        self, kind: str, event_id: str, at: int, recorded: int, act: Callable[[Program], str], amount: int = 0
    ) -> None:
        """One valid event: time passes, the event acts or is refused, rules award, time passes for what it brought."""
        program = self.timeline(at)
        gives = kind in ("transaction_completed", "member_enrolled", "points_given")
        if not self.enrolled and not gives and self.automatic:
            self.reason = act(program)
            assert self.reason
            return
        if not self.enrolled and kind != "member_enrolled" and not self.automatic:
            self.reason = "member_not_enrolled"
            return
        self.clock = max(self.clock, recorded)
        self.pass_time(self.clock)
        if not self.enrolled:
            self.enrolled = True
            self.change_tier(program.tiers[0].tier_id, 0, "enrolled", at)
        self.reason = act(program)
        if not self.reason:
            self.applied.append(kind)
        self.pass_time(self.clock)

    def award(
        self, kind: str, amount: int, event_id: str, at: int, program: Program
    ) -> list[tuple[ModelLot, int, int | None]]:
        """What every rule gives, seeing the member as before the event; the rules' conditions are their rule ids'
        minimum."""
        percent = next((tier.earn_percent for tier in program.tiers if tier.tier_id == self.tier), 100)
        before, first = list(self.awards), kind not in self.applied
        issued: list[tuple[ModelLot, int, int | None]] = []
        for rule in program.rules[kind].rules:
            if amount < minimum(rule):
                continue
            given = self.allowed(rule, desired(rule, amount, percent), before, first, at, program.zone)
            if not given or not rule.live:
                continue
            when = dates(rule.pending, rule.unit, rule.expires, at, program)
            lot = self.issue("earn", rule.unit.unit_id, given, "program:issued", when, at, event_id)
            self.awards.append((rule.rule_id, at, given))
            for every in {limit.every for limit in rule.limits}:
                self.usage.setdefault((rule.rule_id, every), []).append((True, at, given, 1))
            year = None
            if rule.qualifies and rule.unit.unit_id == program.qualification_unit:
                year = max(datetime.fromtimestamp(at / 1000, program.zone).year, self.newest_year())
                self.qualified.append((year, given))
            issued.append((lot, given, year))
        if any(year is not None for _, _, year in issued):
            self.rise(program, at)
        return issued

    def rise(self, program: Program, at: int) -> None:
        year = self.newest_year()
        known = [tier.tier_id for tier in program.tiers]
        reached = [tier.tier_id for tier in program.tiers if tier.threshold <= self.points_in(year)]
        if len(reached) - 1 > known.index(self.tier):
            self.change_tier(
                reached[-1],
                millis(datetime(year + 2, 1, 1, tzinfo=program.zone)) + program.tier_policy.grace_ms,
                "qualified",
                at,
            )

    def allowed(
        self, rule: Rule, points: int, before: list[tuple[str, int, int]], first: bool, at: int, zone: ZoneInfo
    ) -> int:
        if rule.first_only and not first:
            return 0
        others = [when for rule_id, when, _ in before if rule.cooldown_any or rule_id == rule.rule_id]
        if rule.cooldown_ms and any(when > at - rule.cooldown_ms for when in others):
            return 0
        for limit in rule.limits:
            used_points, used_count = self.used(rule.rule_id, limit, at, zone)
            if limit.points:
                points = min(points, max(limit.points - used_points, 0))
            elif used_count >= limit.count:
                points = 0
        return points

    def used(self, owner: str, limit: Limit, at: int, zone: ZoneInfo) -> tuple[int, int]:
        """Points and count used in the window of `at`, or in the newest if `at` is late."""
        newest: tuple[int, ...] = ()
        points = count = 0
        for is_use, when, some_points, some_count in self.usage.get((owner, limit.every), []):
            label = window(limit.every, when, zone)
            if is_use and label > newest:
                newest, points, count = label, 0, 0
            if is_use:
                points, count = points + some_points, count + some_count
            elif label == newest:
                points, count = points - some_points, count - some_count
        return (points, count) if window(limit.every, at, zone) <= newest else (0, 0)
