"""Orders: completed, paid with points, refunded before they arrive, cancelled, and completed again under a higher
revision."""

from typing import Final

from pipeline.core import expiry, limits, lots, reasons, refunds, reservations
from pipeline.core.events import Event
from pipeline.core.ledger import REDEEMED, Posting
from pipeline.core.member import Member
from pipeline.core.order import Order, Part, Rest, Use, Waiting, cancelled_order, waiting_order
from pipeline.core.payloads import TransactionCancelled, TransactionCompleted, TransactionRefunded
from pipeline.core.program import Program
from pipeline.core.records import Reward

WAITING_MAX: Final = 100
"""Most refunds that wait for one purchase."""

PURCHASE: Final = "transaction_completed"


def refusal(member: Member, program: Program, known: Order | None, payload: TransactionCompleted) -> str:
    """Why the purchase is refused, or ""; `known` is what stands under its order id."""
    if known is not None:
        more = known.more()
        if payload.revision < more.revision:
            return reasons.REVISION_OLDER
        if payload.revision == more.revision:
            if more.cancelled:
                return reasons.ORDER_CANCELLED
            if known.occurred_at_ms:
                return reasons.ORDER_EXISTS
    if payload.points_paid:
        wallet = member.wallets.get(payload.points_unit or program.default_unit.unit_id)
        if wallet is None or wallet.available < payload.points_paid:
            return reasons.INSUFFICIENT_POINTS
    return ""


def prepare(posting: Posting, program: Program, known: Order | None, payload: TransactionCompleted) -> list[Part]:
    """Take the points that the purchase is paid with, then undo the order's older revision, which could take them too;
    returns their parts."""
    parts: list[Part] = []
    if payload.points_paid:
        unit = payload.points_unit or program.default_unit.unit_id
        wallet = posting.member.wallets[unit]
        parts = lots.burn(wallet, payload.points_paid)
        if program.units[unit].slides_by_redeeming:
            expiry.prolong(program.calendar, program.units[unit], wallet, posting.occurred_at_ms)
        for leg, (seq, points, _) in enumerate(parts):
            posting.post("redeem", unit, points, posting.available, REDEEMED, seq, refunds.POINTS_PAID, leg)
    if known is not None and known.occurred_at_ms:
        undo_whole(posting, program, payload.order_id, known)
    return parts


def rest_of(
    payload: TransactionCompleted, program: Program, parts: list[Part], uses: list[Use], spent: tuple[int, int]
) -> Rest | None:
    """What the order has beyond what all have, or None."""
    if not (payload.lines or payload.revision or parts or spent[1]):
        return Rest(uses=tuple(uses)) if uses else None
    return Rest(
        payload.revision,
        False,
        tuple([(line.line_id, line.quantity, line.amount_minor, 0) for line in payload.lines]),
        (payload.points_unit or program.default_unit.unit_id) if parts else "",
        payload.points_paid,
        tuple(parts),
        tuple(uses),
        spent,
    )


def uses_of(program: Program, rewards: list[Reward]) -> list[Use]:
    """What limits and pauses count of the rewards of a purchase."""
    remembered = program.remembered
    return [
        (reward.rule_id, reward.value)
        for reward in rewards
        if reward.value and reward.rule_id in remembered and reward.mode == "live"
    ]


def wait(known: Order | None, event: Event, payload: TransactionRefunded) -> Order | None:
    """What stands for an order whose purchase has not arrived, with this refund too; None if too many wait."""
    waiting = () if known is None else known.more().waiting
    if len(waiting) >= WAITING_MAX:
        return None
    one: Waiting = (
        event.event_id,
        event.source,
        event.occurred_at_ms,
        payload.amount_minor,
        payload.currency,
        pieces_of(payload),
    )
    return waiting_order((*waiting, one))


def pieces_of(payload: TransactionRefunded) -> refunds.Pieces:
    """The lines of a refund by item."""
    return tuple([(line.line_id, line.quantity) for line in payload.lines])


def cancel_refusal(known: Order | None, payload: TransactionCancelled) -> str:
    """Why the order cannot be cancelled so, or ""."""
    if known is None:
        return ""
    more = known.more()
    if payload.revision < more.revision:
        return reasons.REVISION_OLDER
    return reasons.ORDER_CANCELLED if more.cancelled and payload.revision == more.revision else ""


def cancel(posting: Posting, program: Program, known: Order | None, payload: TransactionCancelled) -> Order:
    """Undo the order as a whole; returns what stands for it then."""
    if known is not None and known.occurred_at_ms:
        undo_whole(posting, program, payload.order_id, known)
    return cancelled_order(payload.revision)


def undo_whole(posting: Posting, program: Program, order_id: str, order: Order) -> None:
    """As if all of it were refunded; besides, it no longer counts as a purchase, limits and budgets get back what it
    used, and pauses that it began end."""
    refunds.undo(posting, program, order, order.rest, order.amount_minor, 1, 1)
    member = posting.member
    if member.awaited or order.more().grants:
        reservations.void_of_order(posting, program, order_id, order)
    count = member.event_counts.get(PURCHASE, 0)
    if count > 1:
        member.event_counts[PURCHASE] = count - 1
    elif count:
        del member.event_counts[PURCHASE]
    for rule_id, points in order.more().uses:
        if member.awarded_at_ms.get(rule_id, 0) == order.occurred_at_ms:
            del member.awarded_at_ms[rule_id]
        rule = program.remembered.get(rule_id)
        if rule is not None and rule.windows:
            limits.give_back(member, program.calendar, rule.windows, order.occurred_at_ms, points, 1)
        if rule is not None and rule.rolls:
            limits.give_back_rolling(member, rule.rolls, order.occurred_at_ms, points, 1)
