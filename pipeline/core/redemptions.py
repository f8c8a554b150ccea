"""Redemptions: points are held, a provider is asked to fulfil, and only its outcome ends the hold.

(none) --requested--> open --confirmed--> (redeemed), the rest of a part void
                      open --failed, cancelled--> (void)
                      open --unknown--> open
                      open --cancel asked--> open, cancelling
                      open --timeout--> open, said to be overdue

Where the reward has a pool (stock, voucher codes), the pool is asked before the provider is told:
(none) --requested--> asking --granted--> open, what was not granted void
                      asking --nothing left, cancel asked, timeout--> (void)

Where a member of a household has too few points, the household is asked first, and nothing is held meanwhile:
(none) --requested--> drawing --granted--> as requested, for the pieces that both can pay
                      drawing --nothing left, cancel asked--> (none)

Where the reward asks for confirmation, the provider is told only then:
(none) --requested--> waiting --confirm asked--> open, the rest of a part void
                      waiting --cancel asked, timeout--> (void)

One that a fraud signal holds for review waits likewise, for the verdict; one that a signal across members judges, for
the answers of its pools.
"""

from pipeline.core import expiry, households, limits, lots, reasons, reservations, reward_gives
from pipeline.core.accounts import redeemed_at
from pipeline.core.events import Event
from pipeline.core.fraud_across import ask, asking, remember, stop_asking
from pipeline.core.fraud_holding import frozen, of_redemption, withdraw
from pipeline.core.fraud_stage import Screening
from pipeline.core.house import NOT_PARTNERS
from pipeline.core.ledger import REDEEMED, Posting
from pipeline.core.member import Member
from pipeline.core.payloads import FulfillmentOutcome, RedemptionCancelled, RedemptionConfirmed, RedemptionRequested
from pipeline.core.program import Program, Reward
from pipeline.core.records import FulfillmentCommand
from pipeline.core.wallet import Hold


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
    pieces, at_ms = payload.quantity, event.occurred_at_ms
    refused = refusal(member, program, reward, payload.redemption_id, pieces, at_ms)
    if refused:
        return refused
    points = reward.price * pieces
    unit = reward.unit.unit_id
    wallet = member.wallets.get(unit)
    short = points - (0 if wallet is None else wallet.available)
    if short > 0 and not households.can_draw(member, program, unit):
        return reasons.INSUFFICIENT_POINTS
    if screening is not None:
        denied = screening.judge_redemption(unit, points)
        if denied:
            return denied
    if reward.gives is not None and not reward_gives.fit(member, reward, pieces):
        return reasons.BALANCE_TOO_LARGE
    reviewed_by = "" if screening is None else screening.reviewed_by
    if short > 0:
        if program.fraud is not None and program.fraud.across:
            remember(posting, event, program.fraud)
        households.draw(posting, event.traceparent, payload, reward, short, reviewed_by, log_time_ms)
        return ""
    hold(posting, event, payload.redemption_id, reward, pieces, program, bool(reviewed_by), log_time_ms)
    if screening is not None and reviewed_by:
        screening.review_redemption(payload.redemption_id, points)
    return ""


def refusal(member: Member, program: Program, reward: Reward, redemption_id: str, pieces: int, at_ms: int) -> str:
    """Why the member may not redeem so many pieces, whatever points there are, or ""."""
    if redemption_id in member.holds or (member.awaited and households.drawing(member, redemption_id) is not None):
        return reasons.REDEMPTION_EXISTS
    if member.reviews and frozen(member):
        return reasons.REDEMPTIONS_FROZEN
    if reward.tiers and member.tier not in reward.tiers:
        return reasons.TIER_REQUIRED
    points = reward.price * pieces
    if not limits.allows(member, program.calendar, reward.limits, reward.window_keys, at_ms, points, pieces):
        return reasons.LIMIT_REACHED
    return ""


def hold(
    posting: Posting, event: Event, redemption_id: str, reward: Reward, pieces: int, program: Program, reviewed: bool,
    log_time_ms: int,
) -> Hold:  # fmt: skip
    """Hold the price of so many pieces, which is there, and ask the pool or the provider, unless it is `reviewed`."""
    member, calendar, at_ms = posting.member, program.calendar, posting.occurred_at_ms
    unit, points = reward.unit.unit_id, reward.price * pieces
    wallet = member.wallets[unit]
    parts = lots.burn(wallet, points)
    wallet.held += points
    if reward.unit.slides_by_redeeming:
        expiry.prolong(calendar, reward.unit, wallet, at_ms)
    for leg, (seq, part, _) in enumerate(parts):
        posting.post("hold", unit, part, posting.available, posting.held, seq, "hold", leg)
    limits.use(member, calendar, reward.windows, at_ms, points, pieces)
    limits.use_rolling(member, reward.rolls, at_ms, points, pieces)
    one = Hold(
        posting.derived_id("fulfillment", 0),
        reward.reward_id,
        reward.provider,
        pieces,
        unit,
        points,
        parts,
        False,
        at_ms,
        not (reward.confirm or reward.pool_id or reviewed),
        posting.recorded_at_ms + reward.timeout_ms if reward.timeout_ms and not reviewed else 0,
    )
    member.holds[redemption_id] = one
    if reward.pool_id:
        one.pool_id = reward.pool_id
        one.confirmed = not reward.confirm
        reservations.reserve_pieces(posting, event.traceparent, redemption_id, one, reward.stock, log_time_ms)
    fraud = program.fraud
    if fraud is not None and fraud.across and ask(posting, event, fraud, redemption_id, one, log_time_ms):
        one.dispatched = False
        one.timeout_at_ms = 0
    if one.dispatched:
        command(posting, event.traceparent, redemption_id, one, "fulfil", log_time_ms)
    return one


def waits(member: Member, payload: RedemptionRequested) -> str:
    """That the redemption just requested waits for a pool, or for those of signals, or ""."""
    if not member.awaited:
        return ""
    hold = member.holds.get(payload.redemption_id)
    if hold is None or hold.request_id:
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
        drawing = households.drawing(posting.member, payload.redemption_id)
        if drawing is None:
            return reasons.REDEMPTION_NOT_OPEN
        drawing.void = True  # what the household grants goes back when it comes
        return ""
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
        reward_gives.give(posting, hold, program)
    elif payload.outcome in ("failed", "cancelled"):
        void(posting, payload.redemption_id, hold, program)
    return ""


def time_out(posting: Posting, redemption_id: str, program: Program) -> None:
    """The hold's time is over: void, if nobody was told to fulfil; else it stays and is said to be overdue, once."""
    hold = posting.member.holds[redemption_id]
    if not hold.dispatched:
        void(posting, redemption_id, hold, program)
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
    release(posting, hold, returning, released, pieces, program)


def release(
    posting: Posting,
    hold: Hold,
    parts: list[tuple[int, int, int]],
    points: int,
    pieces: int,
    program: Program,
) -> None:
    """Held points return to their lots, and what the reward's limits counted is given back.

    A part whose expiry has passed expires at once; another repays debt first.
    """
    member = posting.member
    member.wallets[hold.unit].held -= points
    own = households.give_back(posting, hold, parts) if hold.household else parts
    lots.give_back(posting, hold.unit, own, posting.held, "void", "void")
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


def void(posting: Posting, redemption_id: str, hold: Hold, program: Program) -> None:
    """All of the hold is released.

    Its pieces return to their pool, at once or when the pool has answered.
    """
    stop_asking(posting.member, redemption_id)
    if hold.request_id:
        posting.member.awaited[hold.request_id].void = True
    elif hold.pool_id:
        reservations.return_pieces(posting, hold, hold.quantity)
    del posting.member.holds[redemption_id]
    release(posting, hold, hold.parts, hold.points, hold.quantity, program)


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
