"""Enrolment: who takes part, and the profile they bring."""

from pipeline.core import reasons, tiers
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.payloads import (
    FulfillmentOutcome,
    HouseholdLeft,
    MemberEnrolled,
    MemberQuarantined,
    Payload,
    PointsAdjusted,
    PointsPooled,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReviewDecided,
    TransactionCancelled,
    TransactionRefunded,
    TransferRequested,
    TransferReturned,
)
from pipeline.core.program import Program


def enrol(posting: Posting, payload: Payload, program: Program) -> str:
    """Enrol the member where this event does. Returns the reason of a refusal, or "".

    Where enrolment is automatic, the first event that can give something enrols; one that only takes does not.
    """
    member = posting.member
    if member.enrolled_at_ms and member.tier and not isinstance(payload, MemberEnrolled):
        return ""
    if isinstance(payload, MemberEnrolled):
        if "member_enrolled" in member.event_counts:
            return reasons.ALREADY_ENROLLED
        set_profile(member, payload.country, payload.segment, payload.birth_date)
    elif isinstance(payload, (MemberQuarantined, QuarantineReleased)):
        return ""
    elif not member.enrolled_at_ms:
        if program.enrolment == "required":
            return reasons.MEMBER_NOT_ENROLLED
        if only_takes(payload):
            return ""
    if not member.enrolled_at_ms:
        member.enrolled_at_ms = posting.occurred_at_ms
    if not member.tier and program.tiers:
        tiers.enter(posting, program)
    return ""


def only_takes(payload: Payload) -> bool:
    """Whether the event can give a member nothing."""
    if isinstance(payload, PointsAdjusted):
        return payload.points < 0
    return isinstance(
        payload,
        (
            TransactionRefunded,
            TransactionCancelled,
            RedemptionRequested,
            RedemptionCancelled,
            RedemptionConfirmed,
            ReviewDecided,
            FulfillmentOutcome,
            TransferRequested,
            TransferReturned,
            HouseholdLeft,
            PointsPooled,
        ),
    )


def change_profile(member: Member, payload: ProfileChanged) -> None:
    """Take over the fields that are not empty."""
    set_profile(member, payload.country, payload.segment, payload.birth_date)


def set_profile(member: Member, country: str, segment: str, birth_date: str) -> None:
    """Take over the fields that are not empty."""
    member.country = country or member.country
    member.segment = segment or member.segment
    member.birth_date = birth_date or member.birth_date
