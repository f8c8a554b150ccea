"""What rules award in the naive model, and what every event does; limits are replayed from all that was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core_model_arithmetic import dates, desired, millis, minimum, owned, rolled, running, streak, window
from core_model_ledger import ModelAsk, ModelLedger, ModelLot, ModelOrder
from core_model_tiers import Label

from pipeline.core.campaigns import Limit
from pipeline.core.milestones import Milestone
from pipeline.core.program import Program, Rule

TAKES = (
    "transaction_refunded", "transaction_cancelled", "redemption_requested", "redemption_cancelled",
    "redemption_confirmed", "fulfillment_outcome", "transfer_requested", "transfer_returned", "points_taken",
    "household_left", "points_pooled",
)  # fmt: skip
"""Events that can give a member nothing, and enrol no one."""


@dataclass
class ModelAwards(ModelLedger):
    """The frame of every event, and the awards of purchases."""

    def event(
        self, kind: str, event_id: str, at: int, recorded: int, act: Callable[[Program], str], amount: int = 0
    ) -> None:
        """One valid event: time passes, the event acts or is refused, rules award, time passes for what it brought."""
        program = self.timeline(at)
        self.note = ""
        if not self.enrolled and kind in TAKES and self.automatic:
            self.reason = act(program)
            assert self.reason
            return
        if not self.enrolled and kind != "member_enrolled" and not self.automatic:
            self.reason = "member_not_enrolled"
            return
        self.clock = max(self.clock, recorded)
        self.pass_time(self.clock)
        if not self.enrolled:
            self.enrolled, self.enrolled_at = True, at
            self.change_tier(program.tiers[0].tier_id, 0, "enrolled", at)
        self.reason = act(program)
        if not self.reason:
            self.applied.append(kind)
            self.look_ahead(program, self.clock, changed=kind in ("member_enrolled", "profile_changed"))
        self.pass_time(self.clock)
        self.reason = self.reason or self.note

    def award(
        self, kind: str, amount: int, event_id: str, at: int, program: Program, order: ModelOrder | None = None
    ) -> list[tuple[ModelLot, int, Label | None]]:
        """What every rule gives, seeing the member as before the event; the rules' conditions are their rule ids'
        minimum."""
        percent = next((tier.earn_percent for tier in program.tiers if tier.tier_id == self.tier), 100)
        before, first = list(self.awards), kind not in self.applied
        issued: list[tuple[ModelLot, int, Label | None]] = []
        rules = program.rules[kind].rules if kind in program.rules else ()
        holding = [rule for rule in rules if amount >= minimum(rule)]
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
            self.awards.append((rule.rule_id, at, given))
            for owner, every in {(owner, limit.every) for owner, limit in owned(rule)}:
                self.usage.setdefault((owner, every), []).append((True, at, given, 1))
            if rule.campaign and rule.campaign.budget:
                self.ask_budget(rule, kind, given, event_id, at, program, order)
                continue
            lot = self.earn(rule, given, event_id, at, program)
            period = None
            if rule.qualifies and rule.unit.unit_id == program.qualification_unit:
                period = self.counting(at, program)
                self.qualified.append((period, given))
            issued.append((lot, given, period))
        for counted in {period for _, _, period in issued if period is not None}:
            self.rise(counted, program, at)
        return issued

    def earn(self, rule: Rule, points: int, event_id: str, at: int, program: Program) -> ModelLot:
        when = dates(rule.pending, rule.unit, rule.expires, at, program)
        slides = rule.unit.sliding and rule.expires is None
        return self.issue("earn", rule.unit.unit_id, points, "program:issued", when, at, event_id, slides)

    def ask_budget(
        self, rule: Rule, kind: str, points: int, event_id: str, at: int, program: Program, order: ModelOrder | None
    ) -> None:
        """The award waits for its grant; each month has a pool of its own where the budget says so."""
        assert rule.campaign is not None and rule.campaign.budget is not None
        budget, pool = rule.campaign.budget, f"budget:{rule.campaign.campaign_id}"
        if budget.every == "month":
            year, month = window("month", at, program.zone)
            begins = datetime.fromtimestamp(millis(datetime(year, month, 1, tzinfo=program.zone)) // 1000, UTC)
            pool += f"/{begins:%Y-%m-%dT%H:%M:%SZ}"
        amount, limit = (points, budget.points) if budget.points else (1, budget.awards)
        self.asks.append(ModelAsk(pool, amount, at, rule, kind, points, order))
        self.requests.append(("take", pool, amount, limit, (), event_id))

    def uncount(self, rule: Rule, at: int, points: int, count: int) -> None:
        """Limits get back what was not given; a pause that an award began ends with it."""
        for owner, every in {(owner, limit.every) for owner, limit in owned(rule)}:
            self.usage.setdefault((owner, every), []).append((False, at, points, count))
        if count:
            self.end_pause(rule.rule_id, at)

    def end_pause(self, rule_id: str, at: int) -> None:
        """What a rule gave at a time begins no pause, if it was the rule's latest."""
        if max((when for one, when, _ in self.awards if one == rule_id), default=None) == at:
            self.awards = [one for one in self.awards if one[0] != rule_id]

    def winner(self, group: str, holding: list[Rule], by_itself: dict[str, int], program: Program) -> Rule:
        """The rule of an exclusive group that gives."""
        those = [rule for rule in holding if rule.group == group and rule.live and by_itself[rule.rule_id]]
        those = sorted(those, key=lambda rule: rule.rule_id)
        those = sorted(those, key=lambda rule: rule.priority, reverse=True)
        if program.groups[group] == "best":
            those = sorted(those, key=lambda rule: by_itself[rule.rule_id], reverse=True)
        return those[0]

    def allowed(
        self, rule: Rule, points: int, before: list[tuple[str, int, int]], first: bool, at: int, zone: ZoneInfo
    ) -> int:
        if rule.first_only and not first:
            return 0
        if not all(running(schedule, at, zone) for schedule in rule.schedules):
            return 0
        if rule.milestone and not self.milestone_reached(rule.milestone, rule.rule_id, at, zone):
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

    def milestone_reached(self, milestone: Milestone, rule_id: str, at: int, zone: ZoneInfo) -> bool:
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
