"""A naive model of what the core must do to one member, written from the semantics' text and not from the core's code.

It keeps whole histories and works everything out again each time: lots are lists of what was taken, limits are replayed
from all that was given, years keep all their points, windows are labels such as (2026, 3), fractions are `Fraction`.
From the core it takes the program's data alone: no function of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core_model_arithmetic import NO_PERIOD, dates
from core_model_ledger import ModelHold, ModelLot, Move
from core_model_orders import ModelOrders

from pipeline.core.program import Program

__all__ = ["ModelMember", "Move"]


@dataclass
class ModelMember(ModelOrders):
    """What events do to one member."""

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
                self.come_back(lot, points, "void", "held", at, event_id)
            if outcome != "confirmed":
                for every in {limit.every for limit in program.rewards[hold.reward_id].limits}:
                    back = (False, hold.requested_at, hold.points, hold.pieces)
                    self.usage[hold.reward_id, every].append(back)
            return ""

        self.event("fulfillment_outcome", event_id, at, recorded, act)
