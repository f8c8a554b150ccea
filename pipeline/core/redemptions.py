"""Redemptions: points are held, a provider is asked to fulfil, and only its outcome ends the hold.

(none) --requested--> open --confirmed--> (redeemed)
                      open --failed, cancelled--> (void)
                      open --unknown--> open
                      open --cancel asked--> open, cancelling
"""

from pipeline.core import expiry, limits, lots, reasons
from pipeline.core.events import Event
from pipeline.core.ledger import REDEEMED, Posting
from pipeline.core.payloads import FulfillmentOutcome, RedemptionCancelled, RedemptionRequested
from pipeline.core.program import Program
from pipeline.core.records import FulfillmentCommand
from pipeline.core.wallet import Hold


def request(posting: Posting, event: Event, payload: RedemptionRequested, program: Program, log_time_ms: int) -> str:
    """Hold the price and ask the provider to fulfil. Returns the reason of a refusal, or ""."""
    member = posting.member
    reward = program.rewards.get(payload.reward_id)
    if reward is None:
        return reasons.UNKNOWN_REWARD
    if payload.redemption_id in member.holds:
        return reasons.REDEMPTION_EXISTS
    if reward.tiers and member.tier not in reward.tiers:
        return reasons.TIER_REQUIRED
    points = reward.price * payload.quantity
    at_ms = event.occurred_at_ms
    calendar = program.calendar
    if not limits.allows(member, calendar, reward.limits, reward.window_keys, at_ms, points, payload.quantity):
        return reasons.LIMIT_REACHED
    unit = reward.unit.unit_id
    wallet = member.wallets.get(unit)
    if wallet is None or wallet.available < points:
        return reasons.INSUFFICIENT_POINTS
    parts = lots.burn(wallet, points)
    wallet.held += points
    if reward.unit.slides_by_redeeming:
        expiry.prolong(calendar, reward.unit, wallet, at_ms)
    for leg, (seq, part, _) in enumerate(parts):
        posting.post("hold", unit, part, posting.available, posting.held, seq, "hold", leg)
    limits.use(member, calendar, reward.windows, at_ms, points, payload.quantity)
    limits.use_rolling(member, reward.rolls, at_ms, points, payload.quantity)
    hold = Hold(
        posting.derived_id("fulfillment", 0),
        reward.reward_id,
        reward.provider,
        payload.quantity,
        unit,
        points,
        parts,
        False,
        at_ms,
    )
    member.holds[payload.redemption_id] = hold
    command(posting, event, payload.redemption_id, hold, "fulfil", log_time_ms)
    return ""


def cancel(posting: Posting, event: Event, payload: RedemptionCancelled, log_time_ms: int) -> str:
    """Ask the provider to cancel; the hold stays until it answers. Returns the reason of a refusal, or ""."""
    hold = posting.member.holds.get(payload.redemption_id)
    if hold is None:
        return reasons.REDEMPTION_NOT_OPEN
    if hold.cancelling:
        return reasons.ALREADY_CANCELLING
    hold.cancelling = True
    command(posting, event, payload.redemption_id, hold, "cancel", log_time_ms)
    return ""


def settle(posting: Posting, payload: FulfillmentOutcome, program: Program) -> str:
    """End the hold as its outcome says; `unknown` leaves it open. Returns the reason of a refusal, or ""."""
    hold = posting.member.holds.get(payload.redemption_id)
    if hold is None or hold.fulfillment_id != payload.fulfillment_id:
        return reasons.REDEMPTION_NOT_OPEN
    if payload.outcome == "confirmed":
        redeem(posting, payload.redemption_id, hold)
    elif payload.outcome in ("failed", "cancelled"):
        void(posting, payload.redemption_id, hold, program)
    return ""


def redeem(posting: Posting, redemption_id: str, hold: Hold) -> None:
    """The held points leave the wallet."""
    member = posting.member
    member.wallets[hold.unit].held -= hold.points
    del member.holds[redemption_id]
    for leg, (seq, points, _) in enumerate(hold.parts):
        posting.post("redeem", hold.unit, points, posting.held, REDEEMED, seq, "redeem", leg)


def void(posting: Posting, redemption_id: str, hold: Hold, program: Program) -> None:
    """The held points return to their lots, and what the reward's limits counted is given back.

    A part whose expiry has passed expires at once; another repays debt first.
    """
    member = posting.member
    unit = hold.unit
    wallet = member.wallets[unit]
    wallet.held -= hold.points
    del member.holds[redemption_id]
    legs = 0
    for seq, points, expires_at_ms in hold.parts:
        lot = lots.restore(wallet, seq, points, expires_at_ms)
        posting.post("void", unit, points, posting.held, posting.available, seq, "void", legs)
        legs += 1
        if expiry.has_passed(member, wallet, seq, expires_at_ms):
            lots.expire(posting, wallet, unit, lot, legs)
            legs += 1
        else:
            legs += lots.repay(posting, wallet, unit, lot, "void", legs)
    reward = program.rewards.get(hold.reward_id)
    if reward is not None:
        limits.give_back(member, program.calendar, reward.windows, hold.requested_at_ms, hold.points, hold.quantity)
        limits.give_back_rolling(member, reward.rolls, hold.requested_at_ms, hold.points, hold.quantity)


def command(posting: Posting, event: Event, redemption_id: str, hold: Hold, action: str, log_time_ms: int) -> None:
    """Tell the provider what to do."""
    posting.out.command(
        FulfillmentCommand(
            hold.fulfillment_id,
            posting.member.member_id,
            redemption_id,
            action,
            hold.reward_id,
            hold.provider,
            hold.quantity,
            hold.unit,
            hold.points,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            log_time_ms,
            event.traceparent,
        )
    )
