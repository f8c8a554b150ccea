"""Grants: what a pool's answer does for the member who waits for it."""

from typing import final

from pipeline.core import (
    awards,
    fraud_answers,
    household_draws,
    lots,
    reasons,
    redemptions,
    refunds,
    reservations,
    tiers,
)
from pipeline.core.awaited import Awaited
from pipeline.core.events import Event
from pipeline.core.fraud_holding import open_review, review_of
from pipeline.core.ledger import Posting
from pipeline.core.order import NO_REST, Order
from pipeline.core.payloads import PoolAnswered
from pipeline.core.pool_ids import has_points, of_signal
from pipeline.core.ports import State
from pipeline.core.program import Program
from pipeline.core.records import Reward
from pipeline.core.tier_periods import counting_period


@final
class Granted:
    """What a grant did: `reason` of a refusal or "", `note` on what it does not do, the reward that was given, and the
    order to keep under `order_id`."""

    __slots__ = ("note", "order", "order_id", "reason", "reward")

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self.note = ""
        self.reward: Reward | None = None
        self.order_id = ""
        self.order: Order | None = None


def settle(
    posting: Posting, event: Event, payload: PoolAnswered, program: Program, state: State, log_time_ms: int
) -> Granted:
    """Give what waited for this answer. One that nobody waits for, or not any more, changes nothing."""
    one = posting.member.awaited.pop(payload.request_id, None)
    if of_signal(payload.pool_id):
        granted = Granted()
        granted.note = fraud_answers.settle(posting, event, payload, one, program, state, log_time_ms)
        return granted
    if one is None:
        return Granted(reasons.GRANT_NOT_AWAITED)
    granted = Granted()
    if has_points(one.pool_id):
        granted.note = household_draws.settle(posting, event, payload, one, program, log_time_ms)
    elif one.void:
        if payload.granted:
            reservations.give_back(posting, one.pool_id, payload.granted, payload.codes)
            granted.note = reasons.GRANT_GIVEN_BACK
    elif one.redemption_id:
        settle_redemption(granted, posting, event, payload, one, program, log_time_ms)
    else:
        settle_award(granted, posting, payload, one, program, state)
    return granted


def settle_redemption(
    granted: Granted,
    posting: Posting,
    event: Event,
    payload: PoolAnswered,
    one: Awaited,
    program: Program,
    log_time_ms: int,
) -> None:
    """The hold shrinks to the pieces that were granted, is void without any, and goes to its provider."""
    hold = posting.member.holds[one.redemption_id]
    hold.request_id = ""
    if not payload.granted:
        hold.pool_id = ""  # nothing of it is the pool's
        redemptions.void(posting, one.redemption_id, hold, program)
        granted.note = reasons.NOTHING_LEFT
        return
    pieces = min(payload.granted, hold.quantity)
    hold.codes = payload.codes[:pieces]
    if pieces < payload.granted:
        reservations.give_back(posting, one.pool_id, payload.granted - pieces, payload.codes[pieces:])
    if pieces < hold.quantity:
        redemptions.keep_only(posting, hold, pieces, program)
        granted.note = reasons.PARTLY_GRANTED
    if hold.confirmed and not redemptions.judged(posting.member, one.redemption_id):
        redemptions.dispatch(posting, event.traceparent, one.redemption_id, hold, program, log_time_ms)


def settle_award(
    granted: Granted, posting: Posting, payload: PoolAnswered, one: Awaited, program: Program, state: State
) -> None:
    """Book what was granted with the dates of the event that earned it; what a signal reviews waits for a verdict."""
    member, at_ms = posting.member, posting.occurred_at_ms
    rule = reservations.rule_of(program, one)
    by_points = one.amount == one.points
    points = min(payload.granted, one.points) if by_points else one.points * min(payload.granted, 1)
    limited_by = one.limited_by if points == one.points else one.pool_id
    if rule is None:  # a replay under another programme
        points, limited_by = 0, one.pool_id
    elif points > lots.room(lots.wallet_of(member, one.unit)):
        points, limited_by = lots.room(lots.wallet_of(member, one.unit)), awards.WALLET_MAXIMUM
    used = points if by_points else min(points, 1)
    if payload.granted > used:
        reservations.give_back(posting, one.pool_id, payload.granted - used, [])
    granted.reward = Reward(one.rule_id, "points", one.unit, points, one.desired, limited_by, "live")
    if rule is None:
        return
    if points < one.points:
        reservations.uncount(member, program, rule, at_ms, one.points - points, 0 if points else 1)
    if not points:
        granted.note = reasons.NOTHING_LEFT
        return
    period = 0
    if one.signal_id and program.fraud is not None:
        review = review_of(posting, program.fraud.terms, one.signal_id, points)
        review.order_id = one.order_id
        seq = awards.book_held(posting, program, rule, points, review)
        open_review(posting, payload.request_id, review)
        granted.reward = Reward(one.rule_id, "points", one.unit, points, one.desired, f"review:{one.signal_id}", "live")
    else:
        seq = awards.book(posting, program, rule, at_ms, points)
        if rule.qualifies and one.unit == program.qualification_unit:
            period = counting_period(member, program, at_ms)
            tiers.qualify(posting, program, points)
    if one.order_id:
        order = state.order(member.member_id, one.order_id)
        assert order is not None and order.occurred_at_ms, f"order {one.order_id} waits for a grant and is not there"
        granted.order_id = one.order_id
        granted.order = with_lot(
            posting, program, order, rule.rule_id, (one.unit, seq, points, 0, period), (one.pool_id, used)
        )


def with_lot(
    posting: Posting,
    program: Program,
    order: Order,
    rule_id: str,
    lot: tuple[str, int, int, int, int],
    grant: tuple[str, int],
) -> Order:
    """The order with a lot that it earned after all; what was refunded of it meanwhile takes its part of that too."""
    use = (rule_id, lot[2]) if rule_id in program.remembered else None
    rest = (NO_REST if order.rest is None else order.rest).with_grant(grant, use)
    earned = Order(
        order.amount_minor, order.currency, order.occurred_at_ms, order.refunded_minor, [*order.lots, lot], rest
    )
    if not order.refunded_minor:
        return earned
    return refunds.undo(posting, program, earned, rest, order.refunded_minor, order.refunded_minor, order.amount_minor)
