"""Draws: what a household grants pays a redemption, as far as it goes."""

from pipeline.core import households, lots, reasons, redemptions
from pipeline.core.awaited import Awaited
from pipeline.core.events import Event
from pipeline.core.fraud_holding import open_review, review_of
from pipeline.core.ledger import EXPIRED, Posting
from pipeline.core.payloads import HouseholdLot, PoolAnswered
from pipeline.core.pool_ids import GIVE_BACK, household_account
from pipeline.core.program import Program
from pipeline.core.records import PoolLot
from pipeline.core.transfers import KIND
from pipeline.core.wallet import Hold


def settle(
    posting: Posting, event: Event, payload: PoolAnswered, one: Awaited, program: Program, log_time_ms: int
) -> str:
    """Hold what the redemption costs, for as many pieces as the member and the household can pay together; what is not
    needed goes back. Returns a note on what it does not do, or ""."""
    member, unit = posting.member, one.unit
    if payload.expired:
        account = household_account(one.pool_id)
        posting.post("expire", unit, payload.expired, account, EXPIRED, 0, "expire", 0)
    reward = program.rewards.get(one.rule_id)
    wallet = lots.wallet_of(member, unit)
    note, pieces = reasons.GRANT_GIVEN_BACK if payload.granted else "", 0
    if reward is not None and not one.void:
        pieces = min(one.desired, (wallet.available + payload.granted) // reward.price)
        note = reasons.NOTHING_LEFT
        if pieces and not wallet.debt:
            note = redemptions.refusal(member, program, reward, one.redemption_id, pieces, posting.occurred_at_ms)
        needed = max(reward.price * pieces - wallet.available, 0)
        if not note and needed > lots.room(wallet):
            note = reasons.BALANCE_TOO_LARGE
        if not note:
            kept, rest = split(payload.lots, needed)
            give_back(posting, one, rest)
            held = hold(posting, event, one, kept, pieces, program, log_time_ms)
            if pieces < one.desired:
                return reasons.PARTLY_GRANTED
            return reasons.WAITS_FOR_GRANT if held.request_id else ""
    give_back(posting, one, payload.lots)
    return note


def hold(
    posting: Posting, event: Event, one: Awaited, drawn: list[HouseholdLot], pieces: int, program: Program,
    log_time_ms: int,
) -> Hold:  # fmt: skip
    """The points that were drawn become the member's, and are held with the member's own."""
    member, reward = posting.member, program.rewards[one.rule_id]
    wallet = member.wallets[one.unit]
    first = member.seq + 1
    account = household_account(one.pool_id)
    for index, lot in enumerate(drawn):
        rule_id = f"{households.DRAWN}:{index}"
        lots.issue(posting, wallet, KIND, one.unit, lot.points, account, 0, lot.expires_at_ms, rule_id)
    waits = redemptions.hold(
        posting, event, one.redemption_id, reward, pieces, program, bool(one.signal_id), log_time_ms
    )
    if drawn:
        waits.household, waits.drawn_from = one.pool_id, first
    if one.signal_id and program.fraud is not None:
        review = review_of(posting, program.fraud.terms, one.signal_id, waits.points)
        review.redemption_id = one.redemption_id
        open_review(posting, event.event_id, review)
    return waits


def split(granted: list[HouseholdLot], points: int) -> tuple[list[HouseholdLot], list[HouseholdLot]]:
    """(lots of so many points, earliest expiry first; the rest)."""
    kept: list[HouseholdLot] = []
    rest: list[HouseholdLot] = []
    for lot in granted:
        part = min(points, lot.points)
        if part:
            kept.append(HouseholdLot(part, lot.expires_at_ms))
        if part < lot.points:
            rest.append(HouseholdLot(lot.points - part, lot.expires_at_ms))
        points -= part
    return kept, rest


def give_back(posting: Posting, one: Awaited, granted: list[HouseholdLot]) -> None:
    """Return what was granted and never reached the member."""
    if granted:
        households.put(posting, one.pool_id, GIVE_BACK, [PoolLot(lot.points, lot.expires_at_ms) for lot in granted])
