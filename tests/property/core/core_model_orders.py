"""Orders of the naive model: bought, paid with points, refunded by amount or item, cancelled, bought again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from core_model_arithmetic import NO_PERIOD, dates
from core_model_ledger import ModelLot, ModelOrder
from core_model_referrals import ModelReferrals

from pipeline.core.program import Program, Rule

Pieces = tuple[tuple[str, int], ...]
Lines = tuple[tuple[str, int, int], ...]


@dataclass
class ModelOrders(ModelReferrals):
    """`early` are refunds by order id that came before the purchase: (event id, at, amount, pieces)."""

    early: dict[str, list[tuple[str, int, int, Pieces]]] = field(default_factory=dict)

    def buy(
        self,
        event_id: str,
        order_id: str,
        amount: int,
        at: int,
        recorded: int,
        *,
        lines: Lines = (),
        points: int = 0,
        points_minor: int = 0,
        points_unit: str = "",
        revision: int = 0,
    ) -> None:
        unfit: list[bool] = []

        def act(program: Program) -> str:
            known = self.orders.get(order_id)
            if reason := self.stands_in_the_way(order_id, revision):
                return reason
            unit = points_unit or next(iter(program.units))
            if self.available(unit) < points:
                return "insufficient_points"
            if points and not self.fits(program, at):
                return "fraud_denied"
            if points and program.units[unit].slides_by_redeeming:
                _, until = dates(NO_PERIOD, program.units[unit], None, at, program)
                self.activity.setdefault(unit, []).append(until)
            order = ModelOrder(amount, at, revision=revision, lines=[[*line, 0] for line in lines], points_paid=points)
            for lot in self.burning(unit):
                part = min(points - sum(one for _, one in order.points), lot.left)
                if part:
                    self.take(lot, part, "redeem", "available", "program:redeemed", at, event_id)
                    order.points.append((lot, part))
            if known is not None and not known.cancelled:
                self.undo_whole(known, program, at, event_id)
            given = len(self.awards)
            order.lots = self.award("transaction_completed", amount - points_minor, event_id, at, program, order)
            rules = {rule.rule_id: rule for rule in program.rules["transaction_completed"].rules}
            for rule_id, _, some in self.awards[given:]:
                waits = rules[rule_id].campaign and rules[rule_id].campaign.budget
                if not waits and self.counted(rules[rule_id], program):
                    order.uses.append((rule_id, some))
            money = amount - points_minor
            if program.tier_policy.spend_currency and money:
                order.spent = (self.counting(at, program), money)
                self.qualify(*order.spent, program, at)
            self.orders[order_id] = order
            self.bought(money, at, program)
            for early_id, early_at, early_amount, pieces in self.early.pop(order_id, []):
                left = order.paid - sum(order.refunds)
                if self.unfit(order, pieces):
                    unfit.append(True)
                elif pieces or left:
                    early_program = self.timeline(early_at)
                    self.take_back(order, early_program, min(early_amount, left), pieces, early_at, early_id)
                    self.applied.append("transaction_refunded")
            return ""

        if not self.enrolled and self.automatic and self.stands_in_the_way(order_id, revision):
            self.reason = self.stands_in_the_way(order_id, revision)
            return
        self.event("transaction_completed", event_id, at, recorded, act)
        if unfit:
            self.reason = "refund_not_applied"

    def stands_in_the_way(self, order_id: str, revision: int) -> str:
        """Why a purchase of this revision is refused, or ""; it makes no member then."""
        known = self.orders.get(order_id)
        if known is None or revision > known.revision:
            return ""
        if revision < known.revision:
            return "revision_older"
        return "order_cancelled" if known.cancelled else "order_exists"

    def refund(self, event_id: str, order_id: str, amount: int, at: int, recorded: int, pieces: Pieces = ()) -> None:
        def act(program: Program) -> str:
            order = self.orders.get(order_id)
            if order is None:
                self.early.setdefault(order_id, []).append((event_id, at, amount, pieces))
                return "waits_for_order"
            if order.cancelled:
                return "order_cancelled"
            if sum(order.refunds) + amount > order.paid:
                return "refund_exceeds_order"
            reason = self.unfit(order, pieces)
            if not reason:
                self.take_back(order, program, amount, pieces, at, event_id)
            return reason

        self.event("transaction_refunded", event_id, at, recorded, act)

    def cancel_order(self, event_id: str, order_id: str, revision: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            order = self.orders.get(order_id)
            if order is not None and revision < order.revision:
                return "revision_older"
            if order is not None and order.cancelled and order.revision == revision:
                return "order_cancelled"
            arrived = order is not None and not order.cancelled
            if order is not None and arrived:
                self.undo_whole(order, program, at, event_id)
            self.orders[order_id] = ModelOrder(0, revision=revision, cancelled=True)
            self.early.pop(order_id, None)
            return "" if arrived else "waits_for_order"

        self.event("transaction_cancelled", event_id, at, recorded, act)

    def unfit(self, order: ModelOrder, pieces: Pieces) -> str:
        for line_id, count in pieces:
            lines = [line for line in order.lines if line[0] == line_id and line[2] > 0]
            if not lines:
                return "line_unknown"
            left = lines[0][1] - lines[0][3]
            if left == 0 or count > left:
                return "refund_exceeds_line"
        return ""

    def worth(self, order: ModelOrder) -> int:
        """What of the paid total the pieces that are back stand for."""
        positive = [line for line in order.lines if line[2] > 0]
        back = sum(math.floor(Fraction(amount * returned, count)) for _, count, amount, returned in positive)
        return math.floor(Fraction(order.paid * back, sum(line[2] for line in positive)))

    def take_back(
        self, order: ModelOrder, program: Program, amount: int, pieces: Pieces, at: int, event_id: str
    ) -> None:
        if pieces:
            before = self.worth(order)
            for line in order.lines:
                for line_id, count in pieces:
                    if line[0] == line_id:
                        line[3] += count or line[1] - line[3]
            if not amount:
                amount = min(self.worth(order) - before, order.paid - sum(order.refunds))
        already = order.part()
        order.refunds.append(amount)
        self.undo_to(order, program, already, order.part(), at, event_id)

    def undo_whole(self, order: ModelOrder, program: Program, at: int, event_id: str) -> None:
        self.undo_to(order, program, order.part(), Fraction(1), at, event_id)
        self.applied.remove("transaction_completed")
        for ask in self.asks:
            if ask.order is order and not ask.void and not ask.answered:
                assert ask.rule is not None
                ask.void = True
                for rule in self.same_rule(ask.rule.rule_id, program):
                    self.uncount(rule, order.at, ask.points, 1)
        for pool, amount in order.grants:
            self.requests.append(("give_back", pool, amount, 0, (), event_id))
        for rule_id, points in order.uses:
            self.end_pause(rule_id, order.at)
            for rule in self.same_rule(rule_id, program):
                self.uncount(rule, order.at, points, 1)

    def same_rule(self, rule_id: str, program: Program) -> list[Rule]:
        """The purchases' rule of this id as a programme has it, if it does."""
        return [rule for rule in program.rules["transaction_completed"].rules if rule.rule_id == rule_id]

    def counted(self, rule: Rule, program: Program) -> bool:
        """Whether limits or pauses count what the rule gives."""
        rules = [rule for table in program.rules.values() for rule in table.rules]
        return bool(rule.limits or rule.cooldown_ms or any(one.cooldown_any for one in rules))

    def undo_to(
        self, order: ModelOrder, program: Program, already: Fraction, now: Fraction, at: int, event_id: str
    ) -> None:
        """Points paid come back, the last burned first; then what was earned is claimed."""
        if program.returns_points:
            left = order.points_paid - math.floor(order.points_paid * now)
            while sum(points for _, points in order.points) > left:
                lot, points = order.points.pop()
                back = min(points, sum(one for _, one in order.points) + points - left)
                self.come_back(lot, back, "return", "program:redeemed", at, event_id)
                if back < points:
                    order.points.append((lot, points - back))
        claims: list[tuple[ModelLot, int]] = []
        rested = self.resting(program)
        for lot, earned, period in order.lots:
            claim = math.floor(earned * now) - math.floor(earned * already)
            claims.append((lot, claim))
            if period is not None:
                self.qualified.append((period, -claim))
        period, money = order.spent
        if money:
            self.qualified.append((period, math.floor(money * already) - math.floor(money * now)))
        self.fall(rested, program, at)
        self.claw_back([claim for claim in claims if claim[1]], program.clawback, at, event_id)

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
