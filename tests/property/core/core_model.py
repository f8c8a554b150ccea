"""A naive model of what the core must do to one member, written from the semantics' text and not from the core's code.

It keeps whole histories and works everything out again each time: lots are lists of what was taken, limits are replayed
from all that was given, years keep all their points, windows are labels such as (2026, 3), fractions are `Fraction`.
From the core it takes the program's data alone: no function of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from core_model_arithmetic import NO_PERIOD, dates, desired, millis, minimum, owned, rolled, running, streak, window
from core_model_ledger import ModelHold, ModelLedger, ModelLot, ModelOrder, Move

from pipeline.core.milestones import Milestone
from pipeline.core.program import Limit, Program, Rule

__all__ = ["ModelMember", "Move"]


@dataclass
class ModelMember(ModelLedger):
    """What events do to one member."""

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

    def buy(self, event_id: str, order_id: str, amount: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            if order_id in self.orders:
                return "order_exists"
            self.orders[order_id] = ModelOrder(
                amount, self.award("transaction_completed", amount, event_id, at, program)
            )
            return ""

        self.event("transaction_completed", event_id, at, recorded, act)

    def enrol(self, event_id: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            return "already_enrolled" if "member_enrolled" in self.applied else ""

        self.event("member_enrolled", event_id, at, recorded, act)

    def adjust(self, event_id: str, points: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            unit = next(iter(program.units.values()))
            if points > 0:
                self.issue(
                    "adjust",
                    unit.unit_id,
                    points,
                    "program:adjusted",
                    dates(NO_PERIOD, unit, None, at, program),
                    at,
                    event_id,
                    unit.sliding,
                )
                return ""
            if self.available(unit.unit_id) < -points:
                return "insufficient_points"
            left = -points
            for lot in self.burning(unit.unit_id):
                part = min(left, lot.left)
                if part:
                    self.take(lot, part, "adjust", "available", "program:adjusted", at, event_id)
                left -= part
            return ""

        self.event("points_given" if points > 0 else "points_taken", event_id, at, recorded, act)

    def award(
        self, kind: str, amount: int, event_id: str, at: int, program: Program
    ) -> list[tuple[ModelLot, int, int | None]]:
        """What every rule gives, seeing the member as before the event; the rules' conditions are their rule ids'
        minimum."""
        percent = next((tier.earn_percent for tier in program.tiers if tier.tier_id == self.tier), 100)
        before, first = list(self.awards), kind not in self.applied
        issued: list[tuple[ModelLot, int, int | None]] = []
        holding = [rule for rule in program.rules[kind].rules if amount >= minimum(rule)]
        by_itself = {
            rule.rule_id: self.allowed(rule, desired(rule, amount, percent, self.tier), before, first, at, program.zone)
            for rule in holding
        }
        earned: dict[str, int] = {}
        for rule in holding:
            given = self.allowed(rule, desired(rule, amount, percent, self.tier), before, first, at, program.zone)
            if rule.live and rule.milestone and all(running(one, at, program.zone) for one in rule.schedules):
                self.held_for.setdefault(rule.rule_id, []).append(at)
            if (
                rule.group
                and by_itself[rule.rule_id]
                and rule is not self.winner(rule.group, holding, by_itself, program)
            ):
                continue
            unit_id = rule.unit.unit_id
            given = min(given, program.maximums.get(unit_id, given) - earned.get(unit_id, 0))
            if not given or not rule.live:
                continue
            self.achieved.add(rule.rule_id)
            earned[unit_id] = earned.get(unit_id, 0) + given
            when = dates(rule.pending, rule.unit, rule.expires, at, program)
            slides = rule.unit.sliding and rule.expires is None
            lot = self.issue("earn", rule.unit.unit_id, given, "program:issued", when, at, event_id, slides)
            self.awards.append((rule.rule_id, at, given))
            for owner, every in {(owner, limit.every) for owner, limit in owned(rule)}:
                self.usage.setdefault((owner, every), []).append((True, at, given, 1))
            year = None
            if rule.qualifies and rule.unit.unit_id == program.qualification_unit:
                year = max(datetime.fromtimestamp(at / 1000, program.zone).year, self.newest_year())
                self.qualified.append((year, given))
            issued.append((lot, given, year))
        if any(year is not None for _, _, year in issued):
            self.rise(program, at)
        return issued

    def winner(self, group: str, holding: list[Rule], by_itself: dict[str, int], program: Program) -> Rule:
        """The rule of an exclusive group that gives."""
        those = [rule for rule in holding if rule.group == group and rule.live and by_itself[rule.rule_id]]
        those = sorted(those, key=lambda rule: rule.rule_id)
        those = sorted(those, key=lambda rule: rule.priority, reverse=True)
        if program.groups[group] == "best":
            those = sorted(those, key=lambda rule: by_itself[rule.rule_id], reverse=True)
        return those[0]

    def rise(self, program: Program, at: int) -> None:
        year = self.newest_year()
        known = [tier.tier_id for tier in program.tiers]
        reached = [tier.tier_id for tier in program.tiers if tier.threshold <= self.points_in(year)]
        if len(reached) - 1 > known.index(self.tier):
            self.change_tier(reached[-1], millis(datetime(year + 2, 1, 1, tzinfo=program.zone)), "qualified", at)

    def allowed(
        self, rule: Rule, points: int, before: list[tuple[str, int, int]], first: bool, at: int, zone: ZoneInfo
    ) -> int:
        if rule.first_only and not first:
            return 0
        if not all(running(schedule, at, zone) for schedule in rule.schedules):
            return 0
        if rule.milestone and not self.reached(rule.milestone, rule.rule_id, at, zone):
            return 0
        others = [when for rule_id, when, _ in before if rule.cooldown_any or rule_id == rule.rule_id]
        if rule.cooldown_ms and any(when > at - rule.cooldown_ms for when in others):
            return 0
        for owner, limit in owned(rule):
            used_points, used_count = self.used(owner, limit, at, zone)
            if limit.points:
                points = min(points, max(limit.points - used_points, 0))
            elif used_count >= limit.count:
                points = 0
        return points

    def reached(self, milestone: Milestone, rule_id: str, at: int, zone: ZoneInfo) -> bool:
        """Whether one more event brings the rule's streak to a length, or its achievement to the number, that gives."""
        times = [*self.held_for.get(rule_id, []), at]
        if not milestone.every:
            return len(times) >= milestone.length and rule_id not in self.achieved
        row, longer = streak(milestone.every, milestone.grace, times, zone)
        return longer and (row % milestone.length == 0 if milestone.repeats else row == milestone.length)

    def used(self, owner: str, limit: Limit, at: int, zone: ZoneInfo) -> tuple[int, int]:
        """Points and count used in the window of `at`, or in the newest if `at` is late."""
        if limit.rolling_ms:
            return rolled(self.usage.get((owner, limit.every), []), limit.rolling_ms, at)
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

    def refund(self, event_id: str, order_id: str, amount: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            order = self.orders.get(order_id)
            if order is None:
                return "order_unknown"
            if sum(order.refunds) + amount > order.paid:
                return "refund_exceeds_order"
            already = sum(order.refunds)
            order.refunds.append(amount)
            claims: list[tuple[ModelLot, int]] = []
            for lot, earned, year in order.lots:
                claim = math.floor(Fraction(earned * (already + amount), order.paid)) - math.floor(
                    Fraction(earned * already, order.paid)
                )
                claims.append((lot, claim))
                if year is not None:
                    self.qualified.append((year, -claim))
            self.claw_back([claim for claim in claims if claim[1]], program.clawback, at, event_id)
            return ""

        self.event("transaction_refunded", event_id, at, recorded, act)

    def claw_back(self, claims: list[tuple[ModelLot, int]], policy: str, at: int, event_id: str) -> None:
        end = "program:clawed_back"
        missing: dict[str, int] = {}
        is_pending = {lot.lot: bool(lot.pending_until and lot.left) for lot, _ in claims}
        for lot, points in [claim for claim in claims if is_pending[claim[0].lot]]:
            self.take(lot, points, "clawback", "pending", end, at, event_id)
        if policy == "only_pending":
            return
        for lot, points in [claim for claim in claims if not is_pending[claim[0].lot]]:
            own = min(points, lot.left)
            if own:
                self.take(lot, own, "clawback", "available", end, at, event_id)
            if own < points:
                missing[lot.unit] = missing.get(lot.unit, 0) + points - own
        for unit, points in missing.items():
            left = points
            for lot in self.burning(unit):
                part = min(left, lot.left)
                if part:
                    self.take(lot, part, "clawback", "available", end, at, event_id)
                left -= part
            if policy == "within_balance":
                left = min(left, max(self.balances(unit)[2] - self.balances(unit)[3], 0))
            if left:
                self.owed.setdefault(unit, []).append(left)
                self.move("clawback", unit, left, "debt", end, 0, at, event_id)

    def redeem(self, event_id: str, redemption_id: str, reward_id: str, pieces: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            reward = program.rewards.get(reward_id)
            if reward is None:
                return "unknown_reward"
            if redemption_id in self.holds:
                return "redemption_exists"
            if reward.tiers and self.tier not in reward.tiers:
                return "tier_required"
            points = reward.price * pieces
            for limit in reward.limits:
                used_points, used_pieces = self.used(reward_id, limit, at, program.zone)
                if limit.points and used_points + points > limit.points:
                    return "limit_reached"
                if not limit.points and used_pieces + pieces > limit.count:
                    return "limit_reached"
            unit = reward.unit.unit_id
            if self.available(unit) < points:
                return "insufficient_points"
            if reward.unit.slides_by_redeeming:
                _, until = dates(NO_PERIOD, reward.unit, None, at, program)
                self.activity.setdefault(unit, []).append(until)
            parts: list[tuple[ModelLot, int]] = []
            for lot in self.burning(unit):
                part = min(points - sum(one for _, one in parts), lot.left)
                if part:
                    self.take(lot, part, "hold", "available", "held", at, event_id)
                    parts.append((lot, part))
            self.holds[redemption_id] = ModelHold(reward_id, unit, points, pieces, parts, at)
            for every in {limit.every for limit in reward.limits}:
                self.usage.setdefault((reward_id, every), []).append((True, at, points, pieces))
            return ""

        self.event("redemption_requested", event_id, at, recorded, act)

    def cancel(self, event_id: str, redemption_id: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            hold = self.holds.get(redemption_id)
            if hold is None:
                return "redemption_not_open"
            if hold.cancelling:
                return "already_cancelling"
            hold.cancelling = True
            return ""

        self.event("redemption_cancelled", event_id, at, recorded, act)

    def outcome(self, event_id: str, redemption_id: str, outcome: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            hold = self.holds.get(redemption_id)
            if hold is None:
                return "redemption_not_open"
            if outcome == "unknown":
                return ""
            del self.holds[redemption_id]
            for lot, points in hold.parts:
                if outcome == "confirmed":
                    self.move("redeem", lot.unit, points, "held", "program:redeemed", lot.lot, at, event_id)
                    continue
                lot.taken.append(-points)
                self.move("void", lot.unit, points, "held", "available", lot.lot, at, event_id)
                if lot.lapsed or 0 < lot.expires_at <= self.clock:
                    self.take(lot, lot.left, "expire", "available", "program:expired", at, event_id)
                else:
                    self.repay(lot, at, event_id)
            if outcome != "confirmed":
                for every in {limit.every for limit in program.rewards[hold.reward_id].limits}:
                    back = (False, hold.requested_at, hold.points, hold.pieces)
                    self.usage[hold.reward_id, every].append(back)
            return ""

        self.event("fulfillment_outcome", event_id, at, recorded, act)
