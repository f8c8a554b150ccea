"""The naive model's referrals: who joined by whom, and which purchase makes that count."""

from __future__ import annotations

from dataclasses import dataclass, field

from core_model_awards import ModelAwards

from pipeline.core.program import Program


@dataclass
class ModelReferrals(ModelAwards):
    """By `referral` (id, by whom, when) the member joined, until it is `settled`; `told` is what others should be told:
    (to whom, what, referral id, when)."""

    referral: tuple[str, str, int] | None = None
    settled: bool = False
    told: list[tuple[str, str, str, int]] = field(default_factory=list)

    def refer(self, event_id: str, referral_id: str, other: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            self.told.append((other, "referral_joined", referral_id, at))
            self.award("referral_accepted", 0, event_id, at, program)
            return ""

        self.event("referral_accepted", event_id, at, recorded, act)

    def join(self, event_id: str, referral_id: str, by: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            if program.referrals is not None and self.referral is None:
                self.referral = (referral_id, by, at)
            self.award("referral_joined", 0, event_id, at, program)
            return ""

        self.event("referral_joined", event_id, at, recorded, act)

    def bought(self, money: int, at: int, program: Program) -> None:
        """A purchase may make the referral count, or come too late for that."""
        terms = program.referrals
        if terms is None or self.referral is None or self.settled or at < self.referral[2]:
            return
        referral_id, by, joined = self.referral
        if terms.within_ms and at - joined > terms.within_ms:
            self.settled = True
        elif money >= terms.minimum_minor:
            self.settled = True
            self.told.append((by, "referral_qualified", referral_id, at))
