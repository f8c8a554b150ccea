"""Households: their members pool points, and a redemption that one of them cannot pay draws on the pool.

member:ID:available -> household:ID, put in by one, with the dates of the lots; when another draws
household:ID -> member:ID:available -> member:ID:held, and from there back to household:ID if it is void
"""

from typing import Final

from pipeline.core import lots, reasons, reservations
from pipeline.core.awaited import Awaited
from pipeline.core.fraud_holding import frozen
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.payloads import HouseholdJoined, HouseholdLeft, PointsPooled, RedemptionRequested
from pipeline.core.pool_ids import GIVE_BACK, LOAD, OF_REDEMPTION, has_points, household_account, household_pool
from pipeline.core.program import Program, Reward
from pipeline.core.records import PoolLot, PoolRequest
from pipeline.core.transfers import KIND, fits_one_record
from pipeline.core.wallet import Hold

POOLED: Final = "household:pooled"
DRAWN: Final = "household:drawn"
BACK: Final = "household:back"
"""Rule ids of entries that move points between a member and the household."""

Part = tuple[int, int, int]
"""(lot seq, points, expires_at_ms)."""


def join(member: Member, payload: HouseholdJoined, program: Program) -> str:
    """Let the member belong to a household. Returns the reason of a refusal, or ""."""
    if program.households is None:
        return reasons.POOLING_NOT_ALLOWED
    if member.household:
        return reasons.IN_A_HOUSEHOLD
    member.household = payload.household_id
    return ""


def leave(member: Member, payload: HouseholdLeft) -> str:
    """The member belongs to it no more; what was put in stays. Returns the reason of a refusal, or ""."""
    if member.household != payload.household_id:
        return reasons.NOT_IN_HOUSEHOLD
    member.household = ""
    return ""


def pool(posting: Posting, payload: PointsPooled, program: Program) -> str:
    """Put points into the household's pool. Returns the reason of a refusal, or ""."""
    member, terms = posting.member, program.households
    unit = payload.unit or program.default_unit.unit_id
    if terms is None or unit not in terms.units:
        return reasons.POOLING_NOT_ALLOWED
    if not member.household:
        return reasons.NOT_IN_HOUSEHOLD
    if payload.points < terms.minimum:
        return reasons.TRANSFER_TOO_SMALL
    if member.reviews and frozen(member):
        return reasons.REDEMPTIONS_FROZEN
    wallet = member.wallets.get(unit)
    if wallet is None or wallet.available < payload.points:
        return reasons.INSUFFICIENT_POINTS
    if not fits_one_record(wallet.lots, payload.points):
        return reasons.TOO_MANY_LOTS
    pool_id = household_pool(member.household, unit)
    account = household_account(pool_id)
    parts = lots.burn(wallet, payload.points)
    for leg, (seq, points, _) in enumerate(parts):
        posting.post(KIND, unit, points, posting.available, account, seq, POOLED, leg)
    put(posting, pool_id, LOAD, [PoolLot(points, expires_at_ms) for _, points, expires_at_ms in parts])
    return ""


def put(posting: Posting, pool_id: str, action: str, pool_lots: list[PoolLot]) -> None:
    """Tell the pool of points that come in (LOAD), or that it granted and nobody needs (GIVE_BACK)."""
    posting.out.pool_request(
        PoolRequest(
            posting.derived_id(f"{action}:{pool_id}", 0),
            pool_id,
            action,
            sum([lot.points for lot in pool_lots]),
            0,
            reservations.NO_CODES,
            posting.member.member_id,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            lots=pool_lots,
        )
    )


def can_draw(member: Member, program: Program, unit: str) -> bool:
    """Whether the member may draw points of the unit on a household: nobody who owes some."""
    terms = program.households
    if terms is None or not member.household or unit not in terms.units:
        return False
    wallet = member.wallets.get(unit)
    return wallet is None or not wallet.debt


def draw(
    posting: Posting, traceparent: str, payload: RedemptionRequested, reward: Reward, short: int, signal_id: str,
    log_time_ms: int,
) -> None:  # fmt: skip
    """Ask the household for the points that the member is short of; the redemption begins with the answer."""
    unit = reward.unit.unit_id
    pool_id = household_pool(posting.member.household, unit)
    request_id = posting.derived_id(OF_REDEMPTION, 0)
    one = Awaited(pool_id, short, reward.reward_id, "", unit, 0, payload.quantity, "", "", payload.redemption_id)
    one.signal_id = signal_id
    posting.member.awaited[request_id] = one
    reservations.ask(posting, traceparent, request_id, pool_id, short, 0, log_time_ms)


def drawing(member: Member, redemption_id: str) -> Awaited | None:
    """The request of a redemption that draws on a household and has no answer yet, or None."""
    for one in member.awaited.values():
        if one.redemption_id == redemption_id and not one.void and has_points(one.pool_id):
            return one
    return None


def give_back(posting: Posting, hold: Hold, parts: list[Part]) -> list[Part]:
    """Parts of a hold that were drawn on a household return to its pool. Returns the others, the member's own."""
    own: list[Part] = []
    drawn: list[PoolLot] = []
    account = household_account(hold.household)
    for part in parts:
        seq, points, expires_at_ms = part
        if seq < hold.drawn_from:
            own.append(part)
        else:
            posting.post(KIND, hold.unit, points, posting.held, account, seq, BACK, len(drawn))
            drawn.append(PoolLot(points, expires_at_ms))
    if drawn:
        put(posting, hold.household, GIVE_BACK, drawn)
    return own
