"""What one valid event does: its own effect first, then what the rules of its type give."""

from typing import Final, final

from pipeline.core import (
    awards,
    expiry,
    fraud_across,
    fraud_verdicts,
    grants,
    households,
    lots,
    occasions,
    orders,
    reasons,
    redemptions,
    referrals,
    refunds,
    tiers,
    transfers,
)
from pipeline.core.cohorts import Cohorts
from pipeline.core.enrolment import change_profile, enrol
from pipeline.core.events import Event
from pipeline.core.fraud_holding import frozen
from pipeline.core.fraud_screen import screen
from pipeline.core.fraud_stage import Screening
from pipeline.core.ledger import ADJUSTED, Posting
from pipeline.core.order import NOT_SPENT, Order, OrderLot, Part, Use, Waiting
from pipeline.core.payloads import (
    FulfillmentOutcome,
    HouseholdJoined,
    HouseholdLeft,
    MemberEnrolled,
    PointsAdjusted,
    PointsPooled,
    PoolAnswered,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReferralAccepted,
    ReferralJoined,
    ReviewDecided,
    TransactionCancelled,
    TransactionCompleted,
    TransactionRefunded,
    TransferReceived,
    TransferRequested,
    TransferReturned,
)
from pipeline.core.ports import State
from pipeline.core.program import Program
from pipeline.core.records import Reward, RewardDecision, RuleError

NO_PARTS: Final[list[Part]] = []
NO_USES: Final[list[Use]] = []


@final
class Decision:
    """What was decided of one event: `reason` of a refusal or "", rewards, failed rules, and the order to keep under
    `order_id`.

    `note` says what an applied event does not do at once. One that `waits` changes no member. `parts` are the points
    that a purchase is paid with, `waiting` the refunds that waited for it.
    """

    __slots__ = ("note", "order", "order_id", "parts", "reason", "rewards", "rule_errors", "waiting", "waits")

    def __init__(self) -> None:
        self.reason = ""
        self.rewards: list[Reward] = []
        self.rule_errors: list[RuleError] = []
        self.order_id = ""
        self.order: Order | None = None
        self.note = ""
        self.waits = False
        self.parts: list[Part] = NO_PARTS
        self.waiting: tuple[Waiting, ...] = ()


def decide(
    posting: Posting, event: Event, program: Program, state: State, cohorts: Cohorts, log_time_ms: int
) -> Decision:
    """Change the posting's member as the event says; a refused event changes nothing. Reads orders from `state`, and
    writes the one whose points a verdict lets count for the tier."""
    decision = Decision()
    payload = event.payload
    member = posting.member
    known: Order | None = None
    if isinstance(payload, TransactionCompleted):
        known = state.order(member.member_id, payload.order_id)
        if (known is not None or payload.points_paid) and (member.enrolled_at_ms or program.enrolment == "automatic"):
            decision.reason = orders.refusal(member, program, known, payload)
            if decision.reason:
                return decision
    if isinstance(payload, PoolAnswered):
        grant(decision, grants.settle(posting, event, payload, program, state, log_time_ms))
        return decision
    if isinstance(payload, TransferReceived):
        decision.reason = transfers.receive(posting, event, payload, program, log_time_ms)
    else:
        decision.reason = enrol(posting, payload, program)
    if decision.reason:
        return decision
    screening: Screening | None = None
    if program.fraud is not None:
        screening = screen(posting, event, event.type_name, program, cohorts)
    if isinstance(payload, TransactionCompleted):
        if known is not None or payload.points_paid:
            purchase(decision, posting, payload, program, known, screening)
    elif isinstance(payload, TransactionRefunded):
        refund(decision, posting, event, payload, program, state, screening)
    elif isinstance(payload, TransactionCancelled):
        cancel(decision, posting, payload, program, state, screening)
    elif isinstance(payload, ReviewDecided):
        decision.reason = fraud_verdicts.decide(posting, payload, program, state, event.traceparent, log_time_ms)
    else:
        decision.reason = act(posting, event, program, log_time_ms, screening)
        if isinstance(payload, RedemptionRequested) and not decision.reason:
            decision.note = redemptions.waits(member, payload)
    if not decision.reason and not decision.waits:
        reward(decision, posting, event, program, screening, log_time_ms)
        if program.referrals is not None and isinstance(payload, TransactionCompleted):
            referrals.qualify(posting, event, payload, program, log_time_ms)
        if program.occasions:
            changed = isinstance(payload, (MemberEnrolled, ProfileChanged))
            occasions.schedule(member, program, member.clock_ms, changed)
    if screening is not None:
        screening.finish(decision.reason)
    if program.fraud is not None and program.fraud.across and not decision.reason:
        fraud_across.tell(posting, event, program.fraud, log_time_ms)
    return decision


def act(posting: Posting, event: Event, program: Program, log_time_ms: int, screening: Screening | None) -> str:
    """What events do that are not about orders. Returns the reason of a refusal, or ""."""
    payload, member = event.payload, posting.member
    if isinstance(payload, RedemptionRequested):
        return redemptions.request(posting, event, payload, program, log_time_ms, screening)
    if isinstance(payload, FulfillmentOutcome):
        return redemptions.settle(posting, payload, program)
    if isinstance(payload, RedemptionCancelled):
        return redemptions.cancel(posting, event, payload, program, log_time_ms)
    if isinstance(payload, RedemptionConfirmed):
        return redemptions.confirm(posting, event, payload, program, log_time_ms)
    if isinstance(payload, PointsAdjusted):
        return adjust(posting, payload, program)
    if isinstance(payload, ProfileChanged):
        change_profile(member, payload)
    if isinstance(payload, ReferralAccepted):
        referrals.announce(posting, event, payload, program, log_time_ms)
    if isinstance(payload, ReferralJoined):
        referrals.join(posting, payload, program)
    if isinstance(payload, HouseholdJoined):
        return households.join(member, payload, program)
    if isinstance(payload, HouseholdLeft):
        return households.leave(member, payload)
    if isinstance(payload, PointsPooled):
        return households.pool(posting, payload, program)
    if isinstance(payload, TransferRequested):
        refused = "" if screening is None else screening.refusal_of_transfer()
        return refused or transfers.request(posting, event, payload, program, log_time_ms)
    if isinstance(payload, TransferReturned):
        return transfers.take_back(posting, payload, program)
    if isinstance(payload, QuarantineReleased):
        quarantined = member.quarantined
        member.quarantined = False
        return "" if quarantined else reasons.NOT_QUARANTINED
    return ""


def purchase(
    decision: Decision,
    posting: Posting,
    payload: TransactionCompleted,
    program: Program,
    known: Order | None,
    screening: Screening | None,
) -> None:
    """Take the points that pay for a part, which is a redemption, and undo an older revision of the order."""
    if payload.points_paid and posting.member.reviews and frozen(posting.member):
        decision.reason = reasons.REDEMPTIONS_FROZEN
        return
    if screening is not None and payload.points_paid:
        unit = payload.points_unit or program.default_unit.unit_id
        decision.reason = screening.judge_redemption(unit, payload.points_paid)
        if decision.reason:
            return
    decision.parts = orders.prepare(posting, program, known, payload)
    if known is not None:
        decision.waiting = known.more().waiting
        if screening is not None:
            screening.unspend(known, known.amount_minor - known.refunded_minor, False)


def cancel(
    decision: Decision,
    posting: Posting,
    payload: TransactionCancelled,
    program: Program,
    state: State,
    screening: Screening | None,
) -> None:
    """Cancel the order, or let the cancellation wait for it."""
    known = state.order(posting.member.member_id, payload.order_id)
    decision.reason = orders.cancel_refusal(known, payload)
    if decision.reason:
        return
    decision.order_id = payload.order_id
    decision.order = orders.cancel(posting, program, known, payload)
    if screening is not None and known is not None:
        screening.unspend(known, known.amount_minor - known.refunded_minor, True)
    if known is None or not known.occurred_at_ms:
        decision.note = reasons.WAITS_FOR_ORDER
        decision.waits = True


def grant(decision: Decision, granted: grants.Granted) -> None:
    """What was decided of a pool's answer."""
    decision.reason = granted.reason
    decision.note = granted.note
    decision.order_id = granted.order_id
    decision.order = granted.order
    if granted.reward is not None:
        decision.rewards = [granted.reward]


def refund(
    decision: Decision,
    posting: Posting,
    event: Event,
    payload: TransactionRefunded,
    program: Program,
    state: State,
    screening: Screening | None,
) -> None:
    """Refund the order, or let the refund wait for it."""
    order = state.order(posting.member.member_id, payload.order_id)
    decision.order_id = payload.order_id
    if order is not None and (order.occurred_at_ms or order.more().cancelled):
        pieces = orders.pieces_of(payload)
        decision.reason = refunds.refusal(order, payload.amount_minor, payload.currency, pieces)
        if not decision.reason:
            decision.order = refunds.refund(posting, program, order, payload.amount_minor, pieces)
            if screening is not None:
                screening.unspend(order, decision.order.refunded_minor - order.refunded_minor, True)
        return
    decision.order = orders.wait(order, event, payload)
    if decision.order is None:
        decision.reason = reasons.ORDER_UNKNOWN
    else:
        decision.note = reasons.WAITS_FOR_ORDER
        decision.waits = True


def reward(
    decision: Decision,
    posting: Posting,
    event: Event,
    program: Program,
    screening: Screening | None,
    log_time_ms: int,
) -> None:
    """Let the rules of the event's type give what they give, and count the event."""
    payload = event.payload
    type_name = event.type_name
    issued: list[OrderLot] = []
    if screening is not None and isinstance(payload, TransactionCompleted):
        screening.spend(payload.currency, payload.amount_minor - payload.points_paid_minor)
    decision.rewards = awards.award(
        posting, event, type_name, program, decision.rule_errors, issued, screening, log_time_ms
    )
    counts = posting.member.event_counts
    counts[type_name] = counts.get(type_name, 0) + 1
    if isinstance(payload, TransactionCompleted):
        decision.order_id = payload.order_id
        uses = NO_USES
        if program.remembered and decision.rewards:
            uses = orders.uses_of(program, decision.rewards)
        spent = NOT_SPENT
        if program.tier_policy.spend_currency:
            paid_minor = payload.amount_minor - payload.points_paid_minor
            spent = tiers.spend(posting, program, payload.currency, paid_minor)
        rest = orders.rest_of(payload, program, decision.parts, uses, spent)
        decision.order = Order(payload.amount_minor, payload.currency, event.occurred_at_ms, 0, issued, rest)


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
        decision.reason or decision.note,
        decision.rewards,
        decision.rule_errors,
        program.program_hash,
        event.occurred_at_ms,
        event.recorded_at_ms,
        event.traceparent,
    )
