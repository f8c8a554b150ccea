"""Redemptions: points are held, a provider is asked to fulfil, and only its outcome ends the hold.

(none) --requested--> open --confirmed--> (redeemed), the rest of a part void
                      open --failed, cancelled--> (void)
                      open --unknown--> open
                      open --cancel asked--> open, cancelling
                      open --timeout--> open, said to be overdue

Where the reward has a pool (stock, voucher codes), the pool is asked before the provider is told:
(none) --requested--> asking --granted--> open, what was not granted void
                      asking --nothing left, cancel asked, timeout--> (void)

Where the reward asks for confirmation, the provider is told only then:
(none) --requested--> waiting --confirm asked--> open, the rest of a part void
                      waiting --cancel asked, timeout--> (void)

One that a fraud signal holds for review waits likewise, for the verdict; one that a signal across members judges, for
the answers of its pools.
"""

from typing import Final

from pipeline.core import expiry, limits, lots, reasons, reservations
from pipeline.core.accounts import ISSUED, redeemed_at
from pipeline.core.events import Event
from pipeline.core.fraud_across import ask, asking, stop_asking
from pipeline.core.fraud_holding import frozen, of_redemption, withdraw
from pipeline.core.fraud_stage import Screening
from pipeline.core.house import NOT_PARTNERS
from pipeline.core.ledger import REDEEMED, Posting
from pipeline.core.member import Member
from pipeline.core.payloads import FulfillmentOutcome, RedemptionCancelled, RedemptionConfirmed, RedemptionRequested
from pipeline.core.program import Program, Reward
from pipeline.core.records import FulfillmentCommand
from pipeline.core.wallet import Hold

GIVES: Final = "reward.gives"
"""In place of a rule's id, of points that a reward brings; no rule can be called so."""


def request(
    posting: Posting,
    event: Event,
    payload: RedemptionRequested,
    program: Program,
    log_time_ms: int,
    screening: Screening | None = None,
) -> str:
    """Hold the price and ask the provider to fulfil. Returns the reason of a refusal, or ""."""
    member = posting.member
    reward = program.rewards.get(payload.reward_id)
    if reward is None:
        return reasons.UNKNOWN_REWARD
    if payload.redemption_id in member.holds:
        return reasons.REDEMPTION_EXISTS
    if member.reviews and frozen(member):
        return reasons.REDEMPTIONS_FROZEN
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
    if screening is not None:
        denied = screening.judge_redemption(unit, points)
        if denied:
            return denied
    if reward.gives is not None and not gives_fit(member, reward, payload.quantity):
        return reasons.BALANCE_TOO_LARGE
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
        not reward.confirm and not reward.pool_id,
        posting.recorded_at_ms + reward.timeout_ms if reward.timeout_ms else 0,
    )
    member.holds[payload.redemption_id] = hold
    if reward.pool_id:
        hold.pool_id = reward.pool_id
        hold.confirmed = not reward.confirm
        reservations.reserve_pieces(posting, event.traceparent, payload.redemption_id, hold, reward.stock, log_time_ms)
    if screening is not None and screening.reviewed_by:
        hold.dispatched = False
        hold.timeout_at_ms = 0
        screening.review_redemption(payload.redemption_id, points)
    fraud = program.fraud
    if fraud is not None and fraud.across and ask(posting, event, fraud, payload.redemption_id, hold, log_time_ms):
        hold.dispatched = False
        hold.timeout_at_ms = 0
    if hold.dispatched:
        command(posting, event.traceparent, payload.redemption_id, hold, "fulfil", log_time_ms)
    return ""


def waits(member: Member, payload: RedemptionRequested) -> str:
    """That the redemption just requested waits for its pool, or for those of signals, or ""."""
    if not member.awaited:
        return ""
    if member.holds[payload.redemption_id].request_id:
        return reasons.WAITS_FOR_GRANT
    return reasons.WAITS_FOR_SIGNAL if asking(member, payload.redemption_id) else ""


def judged(member: Member, redemption_id: str) -> bool:
    """Whether the redemption waits for fraud signals: for a verdict, or for the answer of a pool."""
    return (len(member.reviews) > 0 and of_redemption(member, redemption_id) != "") or (
        len(member.awaited) > 0 and asking(member, redemption_id)
    )


def confirm(posting: Posting, event: Event, payload: RedemptionConfirmed, program: Program, log_time_ms: int) -> str:
    """Tell the provider to fulfil what was confirmed and release the rest. Returns the reason of a refusal, or ""."""
    hold = posting.member.holds.get(payload.redemption_id)
    if hold is None:
        return reasons.REDEMPTION_NOT_OPEN
    if hold.dispatched or (hold.request_id and hold.confirmed):
        return reasons.ALREADY_CONFIRMED
    if judged(posting.member, payload.redemption_id):
        return reasons.UNDER_REVIEW
    if payload.quantity > hold.quantity:
        return reasons.QUANTITY_EXCEEDS_HOLD
    if payload.quantity:
        give_up_all_but(posting, hold, payload.quantity, program)
    if hold.request_id:
        hold.confirmed = True  # the provider is told when the pool has answered
    else:
        dispatch(posting, event.traceparent, payload.redemption_id, hold, program, log_time_ms)
    return ""


def dispatch(
    posting: Posting, traceparent: str, redemption_id: str, hold: Hold, program: Program, log_time_ms: int
) -> None:
    """Tell the provider of a hold that has waited to fulfil it; its time counts from now."""
    hold.dispatched = True
    reward = program.rewards.get(hold.reward_id)
    timeout_ms = 0 if reward is None else reward.timeout_ms
    hold.timeout_at_ms = posting.recorded_at_ms + timeout_ms if timeout_ms else 0
    command(posting, traceparent, redemption_id, hold, "fulfil", log_time_ms)


def approve(
    posting: Posting, traceparent: str, redemption_id: str, hold: Hold, program: Program, log_time_ms: int
) -> None:
    """Fraud signals let the redemption go on: the provider is told, or a confirmation or a pool's answer is waited
    for."""
    if posting.member.awaited and asking(posting.member, redemption_id):
        return
    reward = program.rewards.get(hold.reward_id)
    hold.dispatched = (reward is None or not reward.confirm) and not hold.request_id
    timeout_ms = 0 if reward is None else reward.timeout_ms
    hold.timeout_at_ms = posting.recorded_at_ms + timeout_ms if timeout_ms else 0
    if hold.dispatched:
        command(posting, traceparent, redemption_id, hold, "fulfil", log_time_ms)


def cancel(posting: Posting, event: Event, payload: RedemptionCancelled, program: Program, log_time_ms: int) -> str:
    """Ask the provider to cancel; the hold stays until it answers. One that it knows nothing of is void at once.

    Returns the reason of a refusal, or "".
    """
    hold = posting.member.holds.get(payload.redemption_id)
    if hold is None:
        return reasons.REDEMPTION_NOT_OPEN
    if hold.cancelling:
        return reasons.ALREADY_CANCELLING
    if not hold.dispatched:
        withdraw(posting, payload.redemption_id)
        void(posting, payload.redemption_id, hold, program)
        return ""
    hold.cancelling = True
    command(posting, event.traceparent, payload.redemption_id, hold, "cancel", log_time_ms)
    return ""


def settle(posting: Posting, payload: FulfillmentOutcome, program: Program) -> str:
    """End the hold as its outcome says; `unknown` leaves it open. Returns the reason of a refusal, or ""."""
    hold = posting.member.holds.get(payload.redemption_id)
    if hold is None or not hold.dispatched or hold.fulfillment_id != payload.fulfillment_id:
        return reasons.REDEMPTION_NOT_OPEN
    if payload.outcome == "confirmed":
        if payload.quantity > hold.quantity:
            return reasons.QUANTITY_EXCEEDS_HOLD
        if payload.quantity:
            give_up_all_but(posting, hold, payload.quantity, program)
        if payload.provider:
            hold.provider = payload.provider
        redeem(posting, payload.redemption_id, hold)
        give(posting, hold, program)
    elif payload.outcome in ("failed", "cancelled"):
        void(posting, payload.redemption_id, hold, program)
    return ""


def time_out(posting: Posting, redemption_id: str, program: Program) -> None:
    """The hold's time is over: void, if nobody was told to fulfil; else it stays and is said to be overdue, once."""
    hold = posting.member.holds[redemption_id]
    if not hold.dispatched:
        void(posting, redemption_id, hold, program, posting.occurred_at_ms)
        return
    hold.timeout_at_ms = 0
    command(posting, "", redemption_id, hold, "overdue", 0)


def give_up_all_but(posting: Posting, hold: Hold, quantity: int, program: Program) -> None:
    """As `keep_only`; the pieces return to the pool that the hold has of them."""
    pieces = hold.quantity - quantity
    keep_only(posting, hold, quantity, program)
    if pieces and hold.pool_id:
        reservations.return_pieces(posting, hold, pieces)


def keep_only(posting: Posting, hold: Hold, quantity: int, program: Program) -> None:
    """Release what the hold has beyond so many pieces: the points with the latest expiry return to their lots."""
    released = hold.points // hold.quantity * (hold.quantity - quantity)
    if not released:
        return
    pieces = hold.quantity - quantity
    returning: list[tuple[int, int, int]] = []
    left = released
    while left:
        seq, points, expires_at_ms = hold.parts.pop()
        part = min(points, left)
        returning.append((seq, part, expires_at_ms))
        if part < points:
            hold.parts.append((seq, points - part, expires_at_ms))
        left -= part
    hold.points -= released
    hold.quantity = quantity
    release(posting, hold, returning, released, pieces, program, 0)


def release(
    posting: Posting,
    hold: Hold,
    parts: list[tuple[int, int, int]],
    points: int,
    pieces: int,
    program: Program,
    due_ms: int,
) -> None:
    """Held points return to their lots, and what the reward's limits counted is given back.

    A part whose expiry has passed expires at once; another repays debt first.
    """
    member = posting.member
    member.wallets[hold.unit].held -= points
    lots.give_back(posting, hold.unit, parts, posting.held, "void", "void", due_ms)
    reward = program.rewards.get(hold.reward_id)
    if reward is not None:
        limits.give_back(member, program.calendar, reward.windows, hold.requested_at_ms, points, pieces)
        limits.give_back_rolling(member, reward.rolls, hold.requested_at_ms, points, pieces)


def redeem(posting: Posting, redemption_id: str, hold: Hold) -> None:
    """The held points leave the wallet, to the programme or, for what a partner gave, to the partner's account."""
    member = posting.member
    member.wallets[hold.unit].held -= hold.points
    del member.holds[redemption_id]
    account = REDEEMED if hold.provider in NOT_PARTNERS else redeemed_at(hold.provider)
    for leg, (seq, points, _) in enumerate(hold.parts):
        posting.post("redeem", hold.unit, points, posting.held, account, seq, "redeem", leg)


def gives_fit(member: Member, reward: Reward, pieces: int) -> bool:
    """Whether the wallet has room for the points that so many pieces bring."""
    assert reward.gives is not None
    unit, points = reward.gives
    wallet = member.wallets.get(unit.unit_id)
    return wallet is None or points * pieces <= lots.room(wallet)


def give(posting: Posting, hold: Hold, program: Program) -> None:
    """Points of another unit come for those that were redeemed, where the reward brings some."""
    reward = program.rewards.get(hold.reward_id)
    if reward is None or reward.gives is None:
        return
    unit, each = reward.gives
    wallet = lots.wallet_of(posting.member, unit.unit_id)
    points = min(each * hold.quantity, lots.room(wallet))
    if points:
        expires_at_ms = expiry.of_unit(program.calendar, unit, wallet, posting.occurred_at_ms)
        lots.issue(posting, wallet, "earn", unit.unit_id, points, ISSUED, 0, expires_at_ms, GIVES)


def void(posting: Posting, redemption_id: str, hold: Hold, program: Program, due_ms: int = 0) -> None:
    """All of the hold is released; `due_ms` is the time of due work that does it.

    Its pieces return to their pool, at once or when the pool has answered.
    """
    stop_asking(posting.member, redemption_id)
    if hold.request_id:
        posting.member.awaited[hold.request_id].void = True
    elif hold.pool_id:
        reservations.return_pieces(posting, hold, hold.quantity)
    del posting.member.holds[redemption_id]
    release(posting, hold, hold.parts, hold.points, hold.quantity, program, due_ms)


def command(posting: Posting, traceparent: str, redemption_id: str, hold: Hold, action: str, log_time_ms: int) -> None:
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
            traceparent,
            "\n".join(hold.codes),
        )
    )
