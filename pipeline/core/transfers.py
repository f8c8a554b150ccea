"""Transfers: points leave one member for an account of their own, and the other leg goes through the log.

The sender's decision moves them from `available` to `transit:ID` and tells the receiver by `transfer_received`. Theirs
moves them on; where they cannot be taken, `transfer_returned` brings them back to the lots they left. Each leg is an
event of one member with a derived id, so that it is decided once, whatever is repeated.
"""

from typing import Final

from pipeline.core import expiry, limits, lots, reasons
from pipeline.core.events import Event
from pipeline.core.expiry import SLIDING_MS
from pipeline.core.fraud_holding import frozen
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.payloads import Payload, TransferLot, TransferReceived, TransferRequested, TransferReturned
from pipeline.core.program import Program
from pipeline.core.wallet import Lot

KIND: Final = "transfer"
RETURNED: Final = "transfer_returned"
SLIDES: Final = -1
"""`expires_at_ms` on the log of points that slide with activity."""
LOTS_MAX: Final = 1000
"""Most lots of one transfer: both other legs carry all of them in one record."""


def request(posting: Posting, event: Event, payload: TransferRequested, program: Program, log_time_ms: int) -> str:
    """Send points on their way. Returns the reason of a refusal, or ""."""
    member, terms = posting.member, program.transfers
    unit = payload.unit or program.default_unit.unit_id
    if terms is None or unit not in terms.units:
        return reasons.TRANSFER_NOT_ALLOWED
    if payload.points < terms.minimum:
        return reasons.TRANSFER_TOO_SMALL
    if member.reviews and frozen(member):
        return reasons.REDEMPTIONS_FROZEN
    at_ms = event.occurred_at_ms
    if not limits.allows(member, program.calendar, terms.limits, terms.window_keys, at_ms, payload.points, 1):
        return reasons.LIMIT_REACHED
    wallet = member.wallets.get(unit)
    if wallet is None or wallet.available < payload.points:
        return reasons.INSUFFICIENT_POINTS
    if not fits_one_record(wallet.lots, payload.points):
        return reasons.TOO_MANY_LOTS
    parts = lots.burn(wallet, payload.points)
    transit = f"transit:{posting.derived_id(KIND, 0)}"
    for leg, (seq, points, _) in enumerate(parts):
        posting.post(KIND, unit, points, posting.available, transit, seq, KIND, leg)
    limits.use(member, program.calendar, terms.windows, at_ms, payload.points, 1)
    limits.use_rolling(member, terms.rolls, at_ms, payload.points, 1)
    sent = [
        TransferLot(seq, points, SLIDES if expires_at_ms == SLIDING_MS else expires_at_ms)
        for seq, points, expires_at_ms in parts
    ]
    received = TransferReceived(payload.transfer_id, member.member_id, transit, unit, sent)
    derive(posting, event, "transfer_received", payload.to_member_id, received, log_time_ms)
    return ""


def fits_one_record(available: list[Lot], points: int) -> bool:
    """Whether so many points lie in no more lots than one record carries."""
    left = points
    for lot in available[:LOTS_MAX]:
        left -= lot.points
    return left <= 0


def receive(posting: Posting, event: Event, payload: TransferReceived, program: Program, log_time_ms: int) -> str:
    """Take points that were sent, or send them back. Returns the reason of a refusal, or ""."""
    reason = refusal(posting, payload, program)
    if reason:
        back = TransferReturned(
            payload.transfer_id, event.member_id, payload.transit, payload.unit, payload.lots, reason
        )
        derive(posting, event, RETURNED, payload.from_member_id, back, log_time_ms)
        return reason
    terms, unit = program.transfers, program.units[payload.unit]
    renews = terms is not None and terms.renews
    wallet = lots.wallet_of(posting.member, payload.unit)
    for index, lot in enumerate(payload.lots):
        if lot.expires_at_ms == SLIDES or renews:
            expires_at_ms = expiry.of_unit(program.calendar, unit, wallet, event.occurred_at_ms)
        else:
            expires_at_ms = lot.expires_at_ms
        lots.issue(
            posting, wallet, KIND, payload.unit, lot.points, payload.transit, 0, expires_at_ms, f"{KIND}:{index}"
        )
    return ""


def refusal(posting: Posting, payload: TransferReceived, program: Program) -> str:
    """Why the receiver cannot take the points, or "". A mistyped id is nobody: points enrol no one."""
    member = posting.member
    if not member.enrolled_at_ms:
        return reasons.MEMBER_NOT_ENROLLED
    if payload.unit not in program.units:
        return reasons.TRANSFER_NOT_ALLOWED
    wallet = member.wallets.get(payload.unit)
    points = sum([lot.points for lot in payload.lots])
    return reasons.BALANCE_TOO_LARGE if wallet is not None and points > lots.room(wallet) else ""


def take_back(posting: Posting, payload: TransferReturned, program: Program) -> str:
    """Points that could not be taken return to their lots with the expiry they had; limits get back what they counted.

    Returns "": nothing can refuse them.
    """
    parts = [
        (lot.lot, lot.points, SLIDING_MS if lot.expires_at_ms == SLIDES else lot.expires_at_ms) for lot in payload.lots
    ]
    lots.give_back(posting, payload.unit, parts, payload.transit, KIND, RETURNED)
    terms = program.transfers
    if terms is not None:
        member, at_ms = posting.member, posting.occurred_at_ms
        points = sum([lot.points for lot in payload.lots])
        limits.give_back(member, program.calendar, terms.windows, at_ms, points, 1)
        limits.give_back_rolling(member, terms.rolls, at_ms, points, 1)
    return ""


def derive(posting: Posting, event: Event, name: str, member_id: str, payload: Payload, log_time_ms: int) -> None:
    """Tell the other side; the event keeps its cause's `occurred_at`."""
    posting.out.derived(
        Event(
            posting.derived_id(name, 0),
            member_id,
            event.occurred_at_ms,
            SOURCE,
            event.traceparent,
            {},
            payload,
            event.recorded_at_ms,
        ),
        log_time_ms,
    )
