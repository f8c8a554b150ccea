"""A bench of several members whose events tell devices and addresses, under signals across members."""

from __future__ import annotations

from core_programs import DAY_MS, rule, table
from core_programs import program as make
from fraud_signals import VOUCHER
from pool_bench import PoolBench

from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, ReviewTerms, Signal
from pipeline.core.payloads import Payload, PointsAdjusted, RedemptionRequested, TransactionCompleted
from pipeline.core.program import Program, Reward
from pipeline.core.records import FraudAlert, FulfillmentCommand, RewardDecision

NONE = Counter("", "member", "", 0, 0)


def shared(action: str = "review", at_most: int = 2, live: bool = True, name: str = "it", by: str = "device") -> Signal:
    return Signal(name, "members", action, live, by, "", at_most, 8 * DAY_MS, NONE, "members")


def programme(*signals: Signal, reward: Reward = VOUCHER, timeout_ms: int = 0) -> Program:
    rules = {"transaction_completed": table(rule())}
    fraud = FraudProgram(signals, {}, terms=ReviewTerms(timeout_ms, True))
    return make(rules, fraud=fraud, rewards=(reward,))


class Together(PoolBench):
    """Several members with points, whose events tell a device or an address."""

    def __init__(self, *signals: Signal, reward: Reward = VOUCHER, timeout_ms: int = 0) -> None:
        super().__init__(programme(*signals, reward=reward, timeout_ms=timeout_ms))

    def tell(self, event_id: str, member_id: str, payload: Payload, **attributes: str) -> str:
        """Returns the reason or note of the decision."""
        self.apply(Event(event_id, member_id, self.now_ms, "shop", "", attributes, payload, self.now_ms))
        return self.of(RewardDecision)[-1].reason

    def rich(self, member_id: str, **attributes: str) -> None:
        self.tell(f"gift-{member_id}", member_id, PointsAdjusted("", 100, "x", "ada"))
        self.tell(f"buy-{member_id}", member_id, TransactionCompleted(f"o-{member_id}", 100, "EUR"), **attributes)

    def ask(self, member_id: str, redemption_id: str = "r", **attributes: str) -> str:
        return self.tell(
            f"{redemption_id}-{member_id}", member_id, RedemptionRequested(redemption_id, "voucher"), **attributes
        )

    def told(self) -> list[str]:
        return [command.member_id for command in self.of(FulfillmentCommand) if command.action == "fulfil"]

    def alerts(self) -> list[FraudAlert]:
        return self.of(FraudAlert)
