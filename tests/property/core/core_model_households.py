"""The naive model's households: who belongs to one, what is pooled, and the pools, in which every lot is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from core_model_grants import ModelGrants
from core_model_ledger import ModelAsk

from pipeline.core.program import Program

Lots = list[tuple[int, int]]
"""(points, when they expire or 0)."""


@dataclass
class ModelHouseholds(ModelGrants):
    """`household` is the one to which the member belongs, or ""."""

    household: str = ""

    def join_household(self, event_id: str, name: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            if self.household:
                return "in_a_household"
            self.household = name
            return ""

        self.event("household_joined", event_id, at, recorded, act)

    def leave_household(self, event_id: str, name: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            if self.household != name:
                return "not_in_household"
            self.household = ""
            return ""

        self.event("household_left", event_id, at, recorded, act)

    def pool(self, event_id: str, points: int, unit_id: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            terms = program.households
            assert terms is not None
            if unit_id not in terms.units:
                return "pooling_not_allowed"
            if not self.household:
                return "not_in_household"
            if points < terms.minimum:
                return "transfer_too_small"
            if self.available(unit_id) < points:
                return "insufficient_points"
            lots: Lots = []
            for lot in self.burning(unit_id):
                part = min(points - sum(one for one, _ in lots), lot.left)
                if part:
                    self.take(lot, part, "transfer", "available", f"household:{self.household}", at, event_id)
                    lots.append((part, lot.expires_at))
            self.requests.append(("load", f"household:{self.household}/{unit_id}", points, 0, tuple(lots), event_id))
            return ""

        self.event("points_pooled", event_id, at, recorded, act)

    def may_draw(self, unit_id: str, program: Program) -> bool:
        assert program.households is not None
        return bool(self.household) and unit_id in program.households.units and not sum(self.owed.get(unit_id, []))

    def drawing(self, redemption_id: str) -> list[ModelAsk]:
        """What the redemption asks of a household and has no answer yet."""
        return [
            ask
            for ask in self.asks
            if ask.redemption == redemption_id and ask.reward_id and not ask.answered and not ask.void
        ]

    def stop_drawing(self, redemption_id: str) -> str:
        """The redemption is cancelled before it began."""
        asks = self.drawing(redemption_id)
        for ask in asks:
            ask.void = True
        return "" if asks else "redemption_not_open"

    def give_lots_back(self, pool: str, lots: Lots, event_id: str) -> None:
        if lots:
            self.requests.append(("give_back", pool, sum(one for one, _ in lots), 0, tuple(lots), event_id))


def cut(lots: Lots, points: int) -> tuple[Lots, Lots]:
    """The first so many points, and the others."""
    kept: Lots = []
    rest: Lots = []
    for some, expires in lots:
        wanted = points - sum(one for one, _ in kept)
        if wanted:
            kept.append((min(some, wanted), expires))
        if some > wanted:
            rest.append((some - wanted, expires))
    return kept, rest


@dataclass
class ModelHouseholdPool:
    """All lots that are in."""

    lots: Lots = field(default_factory=list)

    def take(self, amount: int, now: int) -> tuple[Lots, int]:
        """(what is given, one entry for each date; points that had expired)."""
        expired = sum(points for points, expires in self.lots if 0 < expires <= now)
        there: dict[float, int] = {}
        for points, expires in self.lots:
            if not 0 < expires <= now:
                there[expires or math.inf] = there.get(expires or math.inf, 0) + points
        given, rest = cut([(there[date], 0 if date == math.inf else int(date)) for date in sorted(there)], amount)
        self.lots = rest
        return given, expired
