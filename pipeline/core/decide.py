"""What one valid event does: its own effect first, then what the rules of its type give."""

from typing import final

from pipeline.core import awards, expiry, lots, reasons, redemptions, referrals, refunds
from pipeline.core.enrolment import change_profile, enrol
from pipeline.core.events import Event
from pipeline.core.ledger import ADJUSTED, Posting
from pipeline.core.member import Order
from pipeline.core.payloads import (
    FulfillmentOutcome,
    PointsAdjusted,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionRequested,
    ReferralAccepted,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.ports import State
from pipeline.core.program import Program
from pipeline.core.records import Reward, RewardDecision, RuleError


@final
class Decision:
    """What was decided of one event: `reason` of a refusal or "", rewards, failed rules, and the order to keep under
    `order_id`."""

    __slots__ = ("order", "order_id", "reason", "rewards", "rule_errors")

    def __init__(self) -> None:
        self.reason = ""
        self.rewards: list[Reward] = []
        self.rule_errors: list[RuleError] = []
        self.order_id = ""
        self.order: Order | None = None


def decide(posting: Posting, event: Event, program: Program, state: State, log_time_ms: int) -> Decision:
    """Change the posting's member as the event says; a refused event changes nothing. Reads orders from `state`, writes
    nothing to it."""
    decision = Decision()
    payload = event.payload
    decision.reason = enrol(posting, payload, program)
    if decision.reason:
        return decision
    member = posting.member
    if isinstance(payload, TransactionCompleted):
        if state.order(member.member_id, payload.order_id) is not None:
            decision.reason = reasons.ORDER_EXISTS
            return decision
    elif isinstance(payload, TransactionRefunded):
        order = state.order(member.member_id, payload.order_id)
        decision.reason = refunds.refusal(order, payload)
        if not decision.reason:
            assert order is not None
            decision.order_id = payload.order_id
            decision.order = refunds.refund(posting, program, order, payload)
    elif isinstance(payload, RedemptionRequested):
        decision.reason = redemptions.request(posting, event, payload, program, log_time_ms)
    elif isinstance(payload, FulfillmentOutcome):
        decision.reason = redemptions.settle(posting, payload, program)
    elif isinstance(payload, RedemptionCancelled):
        decision.reason = redemptions.cancel(posting, event, payload, log_time_ms)
    elif isinstance(payload, PointsAdjusted):
        decision.reason = adjust(posting, payload, program)
    elif isinstance(payload, ProfileChanged):
        change_profile(member, payload)
    elif isinstance(payload, ReferralAccepted):
        referrals.announce(posting, event, payload, log_time_ms)
    elif isinstance(payload, QuarantineReleased):
        decision.reason = "" if member.quarantined else reasons.NOT_QUARANTINED
        member.quarantined = False
    if decision.reason:
        return decision
    reward(decision, posting, event, program)
    return decision


def reward(decision: Decision, posting: Posting, event: Event, program: Program) -> None:
    """Let the rules of the event's type give what they give, and count the event."""
    payload = event.payload
    type_name = event.type_name
    issued: list[awards.OrderLot] = []
    decision.rewards = awards.award(posting, event, type_name, program, decision.rule_errors, issued)
    counts = posting.member.event_counts
    counts[type_name] = counts.get(type_name, 0) + 1
    if isinstance(payload, TransactionCompleted):
        decision.order_id = payload.order_id
        decision.order = Order(payload.amount_minor, payload.currency, event.occurred_at_ms, 0, issued)


def adjust(posting: Posting, payload: PointsAdjusted, program: Program) -> str:
    """Give or take points by hand. Returns the reason of a refusal, or ""."""
    unit = program.units[payload.unit] if payload.unit else program.default_unit
    member = posting.member
    unit_id = unit.unit_id
    if payload.points > 0:
        wallet = lots.wallet_of(member, unit_id)
        if payload.points > lots.room(wallet):
            return reasons.BALANCE_TOO_LARGE
        expires_at_ms = expiry.of_unit(program.calendar, unit, wallet, posting.occurred_at_ms)
        lots.issue(posting, wallet, "adjust", unit_id, payload.points, ADJUSTED, 0, expires_at_ms, "adjust")
        return ""
    taken = -payload.points
    known = member.wallets.get(unit_id)
    if known is None or known.available < taken:
        return reasons.INSUFFICIENT_POINTS
    for leg, (seq, part, _) in enumerate(lots.burn(known, taken)):
        posting.post("adjust", unit_id, part, posting.available, ADJUSTED, seq, "adjust", leg)
    return ""


def decision_record(event: Event, program: Program, decision: Decision) -> RewardDecision:
    """The decision as downstream teams read it."""
    return RewardDecision(
        event.event_id,
        event.member_id,
        event.source,
        event.type_name,
        "refused" if decision.reason else "applied",
        decision.reason,
        decision.rewards,
        decision.rule_errors,
        program.program_hash,
        event.occurred_at_ms,
        event.recorded_at_ms,
        event.traceparent,
    )
