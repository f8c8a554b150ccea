"""Validation of transfers, and of what only the pipeline itself sends: a forged one would make points of nothing."""

from typing import Final

from pipeline.core import reasons
from pipeline.core.bounds import POINTS_MAX, WALLET_MAX
from pipeline.core.events import Event
from pipeline.core.faults import Fault, id_fault, range_fault, shown, text_fault
from pipeline.core.ledger import SOURCE
from pipeline.core.payloads import (
    AnniversaryReached,
    BirthdayReached,
    MemberQuarantined,
    PoolAnswered,
    ReferralJoined,
    ReferralQualified,
    TransferLot,
    TransferReceived,
    TransferRequested,
    TransferReturned,
)
from pipeline.core.pool_ids import has_points
from pipeline.core.program import Program
from pipeline.core.transfers import LOTS_MAX, SLIDES

YEAR_MAX: Final = 9999
DERIVED: Final = (
    AnniversaryReached,
    BirthdayReached,
    PoolAnswered,
    ReferralQualified,
    TransferReceived,
    TransferReturned,
)
OWN: Final = (*DERIVED, MemberQuarantined, ReferralJoined)
"""All that it derives; the last two may come from elsewhere too."""
Derived = AnniversaryReached | BirthdayReached | PoolAnswered | ReferralQualified | TransferReceived | TransferReturned


def is_own(event: Event) -> bool:
    """Whether the pipeline derived it from what it had decided."""
    payload = event.payload
    if event.source != SOURCE or event.occurred_at_ms <= 0:
        return False
    return isinstance(payload, OWN)


def transfer_fault(payload: TransferRequested, member_id: str, program: Program) -> Fault | None:
    """Points for another member, of a known unit."""
    other = payload.to_member_id
    fault = id_fault("transfer_id", payload.transfer_id) or id_fault("to_member_id", other)
    if fault is not None:
        return fault
    if other == member_id:
        return (reasons.SELF_TRANSFER, f"to_member_id is {shown(other)}, the member itself; it must be another member")
    if "|" in other:
        return (reasons.MALFORMED, f"to_member_id is {shown(other)}; send it without '|', which separates keys")
    if payload.unit and payload.unit not in program.units:
        known = ", ".join(program.units)
        return (
            reasons.UNKNOWN_UNIT,
            f"unit is {shown(payload.unit)}; send one of {known}, or leave it empty for the first",
        )
    return range_fault("points", payload.points, 1, POINTS_MAX)


def derived_fault(event: Event, payload: Derived) -> Fault | None:
    """What is wrong with an event that the pipeline derives, or None."""
    if event.source != SOURCE:
        return (
            reasons.RESERVED_TYPE,
            f"source is {shown(event.source)}; {event.type_name} comes from the pipeline itself, so send none",
        )
    if isinstance(payload, BirthdayReached):
        return range_fault("year", payload.year, 1, YEAR_MAX)
    if isinstance(payload, AnniversaryReached):
        return range_fault("year", payload.year, 1, YEAR_MAX) or range_fault("years", payload.years, 1, YEAR_MAX)
    if isinstance(payload, PoolAnswered):
        return (
            id_fault("request_id", payload.request_id)
            or id_fault("pool_id", payload.pool_id)
            or range_fault("desired", payload.desired, 1, WALLET_MAX)
            or range_fault("granted", payload.granted, 0, payload.desired)
            or range_fault("value", payload.value, 0, WALLET_MAX)
            or range_fault("limit", payload.limit, 0, WALLET_MAX)
            or household_fault(payload)
        )
    if isinstance(payload, ReferralQualified):
        return id_fault("referral_id", payload.referral_id) or id_fault(
            "referred_member_id", payload.referred_member_id
        )
    other = payload.from_member_id if isinstance(payload, TransferReceived) else payload.to_member_id
    return (
        id_fault("transfer_id", payload.transfer_id)
        or id_fault("the other member's id", other)
        or text_fault("transit", payload.transit)
        or text_fault("unit", payload.unit)
        or lots_fault(payload.lots)
    )


def lots_fault(lots: list[TransferLot]) -> Fault | None:
    """The lots of a transfer: some, and each of at least one point."""
    fault = range_fault("number of lots", len(lots), 1, LOTS_MAX)
    for lot in lots:
        fault = fault or range_fault("points of a lot", lot.points, 1, WALLET_MAX)
        fault = fault or range_fault("expires_at_ms of a lot", lot.expires_at_ms, SLIDES, WALLET_MAX)
    return fault


def household_fault(payload: PoolAnswered) -> Fault | None:
    """The lots of a household's answer: together what it grants."""
    fault = range_fault("expired", payload.expired, 0, WALLET_MAX)
    for lot in payload.lots:
        fault = fault or range_fault("points of a lot", lot.points, 1, WALLET_MAX)
        fault = fault or range_fault("expires_at_ms of a lot", lot.expires_at_ms, 0, WALLET_MAX)
    total = payload.granted if has_points(payload.pool_id) else 0
    return fault or range_fault("points of all lots", sum([lot.points for lot in payload.lots]), total, total)
