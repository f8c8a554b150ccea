"""The naive model's profiles and transfers: what members are told of and give each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from core_model_arithmetic import NO_PERIOD, dates
from core_model_households import ModelHouseholds
from core_model_ledger import ModelLot

from pipeline.core.program import Program

Parts = list[tuple[ModelLot, int]]


@dataclass
class ModelMembers(ModelHouseholds):
    """`given` are the lots that are under way by transfer id."""

    given: dict[str, Parts] = field(default_factory=dict)

    def change_profile(self, event_id: str, birth_date: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            self.birth_date = birth_date or self.birth_date
            return ""

        self.event("profile_changed", event_id, at, recorded, act)

    def be_rewarded(self, kind: str, event_id: str, at: int, recorded: int) -> None:
        """For an occasion that has come, or a referral that counts."""

        def act(program: Program) -> str:
            self.award(kind, 0, event_id, at, program)
            return ""

        self.event(kind, event_id, at, recorded, act)

    def give(self, event_id: str, transfer_id: str, points: int, unit_id: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            terms = program.transfers
            if terms is None or unit_id not in terms.units:
                return "transfer_not_allowed"
            if points < terms.minimum:
                return "transfer_too_small"
            for limit in terms.limits:
                used_points, used_count = self.used("transfer", limit, at, program.zone)
                if (limit.points and used_points + points > limit.points) or (
                    limit.count and used_count >= limit.count
                ):
                    return "limit_reached"
            if self.available(unit_id) < points:
                return "insufficient_points"
            parts: Parts = []
            for lot in self.burning(unit_id):
                part = min(points - sum(one for _, one in parts), lot.left)
                if part:
                    self.take(lot, part, "transfer", "available", "transit", at, event_id)
                    parts.append((lot, part))
            self.given[transfer_id] = parts
            self.count_transfer(program, at, points, used=True)
            return ""

        self.event("transfer_requested", event_id, at, recorded, act)

    def count_transfer(self, program: Program, at: int, points: int, *, used: bool) -> None:
        assert program.transfers is not None
        for every in {limit.every for limit in program.transfers.limits}:
            self.usage.setdefault(("transfer", every), []).append((used, at, points, 1))

    def get(self, event_id: str, parts: Parts, at: int, recorded: int) -> None:
        if not self.enrolled:
            self.reason = "member_not_enrolled"
            return

        def act(program: Program) -> str:
            assert program.transfers is not None
            for lot, points in parts:
                unit = program.units[lot.unit]
                anew = lot.slides or program.transfers.renews
                when = dates(NO_PERIOD, unit, None, at, program) if anew else (0, lot.expires_at)
                self.issue("transfer", lot.unit, points, "transit", when, at, event_id, anew and unit.sliding)
            return ""

        self.event("transfer_received", event_id, at, recorded, act)

    def get_back(self, event_id: str, transfer_id: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            parts = self.given.pop(transfer_id)
            for lot, points in parts:
                self.come_back(lot, points, "transfer", "transit", at, event_id)
            self.count_transfer(program, at, sum(points for _, points in parts), used=False)
            return ""

        self.event("transfer_returned", event_id, at, recorded, act)
