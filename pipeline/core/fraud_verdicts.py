"""Verdicts on what a fraud signal holds, by people or by time; points keep the dates they were earned with.

earning:    program:issued -> member:review, then approve: -> pending or available, reject: -> program:clawed_back
redemption: held, nobody is told, then approve: the provider is told, reject: void
freeze:     every redemption is refused until it is approved; reject keeps it, and a later approve ends it
"""

from typing import Final

from pipeline.core import lots, notices, reasons, redemptions, tier_periods, tiers
from pipeline.core.fraud_across import asking
from pipeline.core.fraud_holding import APPROVE, REJECT, report, review_account
from pipeline.core.fraud_review import Review
from pipeline.core.ledger import CLAWED_BACK, Posting
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import ReviewDecided
from pipeline.core.ports import State
from pipeline.core.program import Program
from pipeline.core.wallet import Lot

RULE: Final = "review"
"""Rule id of entries that end a review."""


def decide(
    posting: Posting, payload: ReviewDecided, program: Program, state: State, traceparent: str, log_time_ms: int
) -> str:
    """Take a reviewer's verdict. Returns the reason of a refusal, or ""."""
    review = posting.member.reviews.get(payload.review_id)
    if review is None or asking(posting.member, payload.review_id):
        return reasons.REVIEW_NOT_OPEN
    if review.rejected and payload.verdict == REJECT:
        return reasons.REVIEW_NOT_OPEN
    if review.reviewers > 1:
        if review.reviewer == payload.reviewer:
            return reasons.SAME_REVIEWER
        if review.verdict != payload.verdict:
            review.reviewer, review.verdict = payload.reviewer, payload.verdict
            report(posting, payload.review_id, review, "endorsed", payload.reviewer, payload.verdict, payload.reason)
            return ""
    end(
        posting, payload.review_id, review, program, state, payload.verdict, payload.reviewer, payload.reason,
        traceparent, log_time_ms,
    )  # fmt: skip
    return ""


def time_out(posting: Posting, review_id: str, program: Program, state: State, log_time_ms: int) -> None:
    """The time for a verdict is over: the default one is given."""
    review = posting.member.reviews[review_id]
    review.due_ms = 0
    verdict = APPROVE if review.approves else REJECT
    end(posting, review_id, review, program, state, verdict, "", "", "", log_time_ms)


def end(
    posting: Posting,
    review_id: str,
    review: Review,
    program: Program,
    state: State,
    verdict: str,
    reviewer: str,
    reason: str,
    traceparent: str,
    log_time_ms: int,
) -> None:
    """Carry the verdict out."""
    member = posting.member
    approved = verdict == APPROVE
    keeps_frozen = review.freezes and not approved
    if not keeps_frozen:
        del member.reviews[review_id]
    report(posting, review_id, review, "approved" if approved else "rejected", reviewer, verdict, reason)
    if review.redemption_id:
        hold = member.holds[review.redemption_id]
        if not approved:
            redemptions.void(posting, review.redemption_id, hold, program)
        else:
            redemptions.approve(posting, traceparent, review.redemption_id, hold, program, log_time_ms)
    elif approved:
        given = release(posting, review, program, state)
        if program.notifies and not log_time_ms:
            notices.of_points(posting, program, given, traceparent)
    else:
        claw_back(posting, review)
    if keeps_frozen:
        review.rejected = True
        review.due_ms = 0
        review.reviewer = review.verdict = ""


def claw_back(posting: Posting, review: Review) -> None:
    """The points are not given."""
    account = review_account(posting.member)
    for leg, part in enumerate(review.held):
        posting.post("clawback", part.unit, part.points, account, CLAWED_BACK, part.seq, RULE, leg)
    review.held = []


def release(posting: Posting, review: Review, program: Program, state: State) -> dict[str, int]:
    """The points are given, as they would have been when they were earned: what is still pending waits on, what has
    expired expires at once. They count for the tier from now on, in the period in which they were earned.

    Returns those that have not expired, by unit.
    """
    member = posting.member
    now_ms = member.clock_ms
    account = review_account(member)
    legs = 0
    qualifying = 0
    period = -1
    given: dict[str, int] = {}
    for part in review.held:
        if not 0 < part.expires_at_ms <= now_ms:
            given[part.unit] = given.get(part.unit, 0) + part.points
        if part.available_at_ms > now_ms:
            wallet = lots.wallet_of(member, part.unit)
            wallet.pending += part.points
            lots.insert_pending(
                wallet.pending_lots, Lot(part.seq, part.points, part.available_at_ms, part.expires_at_ms)
            )
            posting.post("release", part.unit, part.points, account, posting.pending, part.seq, RULE, legs)
            legs += 1
        else:
            parts = [(part.seq, part.points, part.expires_at_ms)]
            legs = lots.give_back(posting, part.unit, parts, account, "release", RULE, legs)
        if part.qualifies and part.unit == program.qualification_unit:
            qualifying += part.points
            if period < 0:
                period = tier_periods.counting_period(member, program, review.at_ms)
    if qualifying:
        tiers.qualify(posting, program, qualifying, review.at_ms)
        qualify_order(member, review, state, period)
    review.held = []
    return given


def qualify_order(member: Member, review: Review, state: State, period: int) -> None:
    """From now on a refund of the order takes back what its points count for the tier."""
    order = state.order(member.member_id, review.order_id) if review.order_id else None
    if order is None:
        return
    qualifying = {part.seq for part in review.held if part.qualifies}
    order_lots = [
        (unit, seq, earned, claimed, period if seq in qualifying else known)
        for unit, seq, earned, claimed, known in order.lots
    ]
    state.put_order(
        member.member_id,
        review.order_id,
        Order(order.amount_minor, order.currency, order.occurred_at_ms, order.refunded_minor, order_lots, order.rest),
    )
