"""A bench with pools: what members ask waits until the test has it answered."""

from __future__ import annotations

from core_programs import Bench

from pipeline.core.memory import MemoryPools, Output
from pipeline.core.payloads import FulfillmentOutcome, ReviewDecided, TransactionCancelled
from pipeline.core.pools import answer_event, decide
from pipeline.core.program import Period, Program, Unit
from pipeline.core.records import FulfillmentCommand, PoolRequest, RewardDecision

POINTS = Unit("points", "floor", Period(0, 0))


class PoolBench(Bench):
    """A bench whose requests to pools wait until `answer` has them answered, in order."""

    def __init__(self, *programs: Program) -> None:
        super().__init__(*programs)
        self.pools = MemoryPools()
        self._asked = 0

    def requests(self) -> list[PoolRequest]:
        return self.of(PoolRequest)

    def answer(self, times: int = 1) -> list[Output]:
        """Answer what was not answered yet; each answer arrives so many times."""
        mark = self.out.mark()
        asked = self.requests()
        while self._asked < len(asked):
            request = asked[self._asked]
            self._asked += 1
            answer = decide(self.pools, request)
            if answer is not None:
                for _ in range(times):
                    self.apply(answer_event(request, answer, self.now_ms))
            asked = self.requests()
        return self.out.journal[mark:]

    def load(self, *codes: str) -> None:
        request = PoolRequest("l", "codes:cinema", "load", len(codes), 0, list(codes), "", "l", "", 1, 1)  # fmt: skip
        decide(self.pools, request)

    def cancel_order(self, event_id: str, order_id: str) -> list[Output]:
        return self.send(event_id, TransactionCancelled(order_id))

    def outcome_of(
        self, event_id: str, member_id: str, command: FulfillmentCommand, outcome: str, quantity: int = 0
    ) -> list[Output]:
        """The provider's outcome of a member's command."""
        payload = FulfillmentOutcome(command.fulfillment_id, command.redemption_id, outcome, quantity=quantity)
        return self.send(event_id, payload, member_id, source="provider")

    def send_verdict(self, event_id: str, member_id: str, review_id: str, verdict: str) -> list[Output]:
        """A reviewer's verdict on a member's review."""
        return self.send(event_id, ReviewDecided(review_id, verdict, "ada", "looked at"), member_id, source="desk")


def note_of(outputs: list[Output]) -> str:
    return next(one.reason for one in outputs if isinstance(one, RewardDecision))
