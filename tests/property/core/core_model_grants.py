"""What pools' answers do in the naive model, and the pools themselves: all that was ever taken, added up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from core_model_ledger import ModelAsk
from core_model_orders import ModelOrders

from pipeline.core.program import Program


@dataclass
class ModelGrants(ModelOrders):
    """Awards that waited for a campaign's budget."""

    def grant(self, ask: ModelAsk, granted: int, at: int, event_id: str, program: Program) -> None:
        rule = ask.rule
        assert rule is not None and rule.campaign is not None and rule.campaign.budget is not None
        whole = granted if rule.campaign.budget.points else granted * ask.points
        if whole < ask.points:
            self.uncount(rule, at, ask.points - whole, 0 if whole else 1)
        if not whole:
            self.note = "nothing_left"
            return
        lot = self.earn(rule, whole, event_id, at, program)
        period = None
        if rule.qualifies and rule.unit.unit_id == program.qualification_unit:
            period = self.counting(at, program)
            self.qualify(period, whole, program, at)
        order = ask.order
        if order is None:
            return
        order.lots.append((lot, whole, period))
        order.grants.append((ask.pool, granted))
        if self.counted(rule, program):
            order.uses.append((rule.rule_id, whole))
        claim = math.floor(whole * order.part())
        if not order.refunds:
            return
        rested = self.resting(program)
        if period is not None:
            self.qualified.append((period, -claim))
        self.fall(rested, program, at)
        self.claw_back([(lot, claim)] if claim else [], program.clawback, at, event_id)


@dataclass
class ModelPool:
    """`limits` are (when it was stated, limit), `codes` those that can be given."""

    taken: list[int] = field(default_factory=list)
    limits: list[tuple[int, int]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)

    def take(self, amount: int, limit: int, at: int) -> int:
        """What of the amount there is."""
        self.limits.append((at, limit))
        newest = max(when for when, _ in self.limits)
        stated = [one for when, one in self.limits if when == newest][-1]
        granted = max(min(amount, stated - sum(self.taken)), 0)
        self.taken.append(granted)
        return granted

    def take_codes(self, amount: int) -> list[str]:
        """The first codes."""
        given, self.codes = self.codes[:amount], self.codes[amount:]
        return given

    def load(self, codes: list[str]) -> None:
        """Codes that it does not know."""
        for code in codes:
            if code not in self.loaded:
                self.loaded.add(code)
                self.codes.append(code)
