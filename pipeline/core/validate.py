"""Validation: what makes an event invalid, as (reason, detail); the detail names field, value and remedy."""

from typing import Final

from pipeline.core import reasons
from pipeline.core.bounds import AMOUNT_MINOR_MAX, MONTHS_MAX, POINTS_MAX, QUANTITY_MAX
from pipeline.core.calendar import iso_utc
from pipeline.core.custom_events import custom_fault
from pipeline.core.events import Event
from pipeline.core.faults import (
    Fault,
    at,
    choice_fault,
    country_fault,
    date_fault,
    id_fault,
    range_fault,
    shown,
    text_fault,
)
from pipeline.core.fraud_self_referral import MARKS_MAX
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import (
    CustomEvent,
    EmiPaymentSucceeded,
    FulfillmentOutcome,
    HouseholdJoined,
    HouseholdLeft,
    Line,
    MemberEnrolled,
    MemberQuarantined,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    PointsPooled,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReferralAccepted,
    ReferralJoined,
    RefundLine,
    ReviewDecided,
    SubscriptionRenewed,
    TransactionCancelled,
    TransactionCompleted,
    TransactionRefunded,
    TransferRequested,
)
from pipeline.core.program import Program
from pipeline.core.validate_derived import DERIVED, derived_fault, is_own, transfer_fault

INSTALMENTS_MAX: Final = 10_000
REVISION_MAX: Final = 1_000_000
OUTCOMES: Final = ("unknown", "confirmed", "failed", "cancelled")
VERDICTS: Final = ("approve", "reject")


def header_fault(event: Event, horizons: Horizons) -> Fault | None:
    """What is wrong with the fields that every event has, or None.

    What the pipeline derives has no horizon: the relay forgets it before its id is forgotten, and its record may be
    stamped by a clock that is behind the one that stamped its cause. Refused, what it carries would be lost.
    """
    member_id = event.member_id
    fault = id_fault("member_id", member_id) or id_fault("event_id", event.event_id) or id_fault("source", event.source)
    if fault is not None:
        return fault
    if "|" in member_id:
        return (reasons.MALFORMED, f"member_id is {shown(member_id)}; send it without '|', which separates keys")
    occurred_at_ms, recorded_at_ms = event.occurred_at_ms, event.recorded_at_ms
    too_early = occurred_at_ms > recorded_at_ms + horizons.future_ms
    too_late = occurred_at_ms < recorded_at_ms - horizons.past_ms
    if (too_early or too_late) and is_own(event):
        return None
    if too_early:
        return (
            reasons.OCCURRED_IN_FUTURE,
            f"occurred_at is {at(occurred_at_ms)}, the record's timestamp {at(recorded_at_ms)}; "
            f"it may be at most {horizons.future_ms} ms later: correct the source's clock and send it again",
        )
    if occurred_at_ms <= 0 or too_late:
        return (
            reasons.OCCURRED_TOO_LONG_AGO,
            f"occurred_at is {at(occurred_at_ms)}, the record's timestamp {at(recorded_at_ms)}; "
            f"it may be at most {horizons.past_ms} ms earlier, and after 1970: book it with points_adjusted instead",
        )
    return None


def no_program_fault(event: Event) -> Fault:
    """The event occurred before any program."""
    return (
        reasons.NO_PROGRAM,
        f"occurred_at is {iso_utc(event.occurred_at_ms)}, before the first program takes effect; "
        f"activate a program for that time, then send the event again",
    )


def payload_fault(event: Event, program: Program) -> Fault | None:
    """What is wrong with the event's own fields under the program of its time, or None."""
    payload = event.payload
    if isinstance(payload, TransactionCompleted):
        return (
            id_fault("order_id", payload.order_id)
            or range_fault("amount_minor", payload.amount_minor, 0, AMOUNT_MINOR_MAX)
            or currency_fault(payload.currency, program)
            or rate_fault(payload.currency, payload.amount_minor, event.occurred_at_ms, program)
            or (country_fault(payload.country) if payload.country else None)
            or (lines_fault(payload.lines) if payload.lines else None)
            or (payment_fault(payload, program) if payload.points_paid or payload.points_paid_minor else None)
            or (range_fault("revision", payload.revision, 0, REVISION_MAX) if payload.revision else None)
        )
    if isinstance(payload, TransactionRefunded):
        return (
            id_fault("order_id", payload.order_id)
            or range_fault("amount_minor", payload.amount_minor, 0 if payload.lines else 1, AMOUNT_MINOR_MAX)
            or currency_fault(payload.currency, program)
            or (refund_lines_fault(payload.lines) if payload.lines else None)
        )
    if isinstance(payload, FulfillmentOutcome):
        return (
            id_fault("fulfillment_id", payload.fulfillment_id)
            or id_fault("redemption_id", payload.redemption_id)
            or choice_fault("outcome", payload.outcome, OUTCOMES)
            or range_fault("quantity", payload.quantity, 0, QUANTITY_MAX)
        )
    if isinstance(payload, RedemptionRequested):
        return (
            id_fault("redemption_id", payload.redemption_id)
            or id_fault("reward_id", payload.reward_id)
            or range_fault("quantity", payload.quantity, 1, QUANTITY_MAX)
        )
    if isinstance(payload, RedemptionCancelled):
        return id_fault("redemption_id", payload.redemption_id)
    if isinstance(payload, PointsAdjusted):
        return adjustment_fault(payload, program)
    if isinstance(payload, (MemberEnrolled, ProfileChanged)):
        return (country_fault(payload.country) if payload.country else None) or (
            date_fault("birth_date", payload.birth_date) if payload.birth_date else None
        )
    return other_payload_fault(event, payload, program)


def other_payload_fault(event: Event, payload: Payload, program: Program) -> Fault | None:
    """The rarer types."""
    member_id, at_ms = event.member_id, event.occurred_at_ms
    if isinstance(payload, CustomEvent):
        fault = id_fault("name", payload.name) or numbers_fault(payload.numbers)
        if fault is None and program.custom_events is not None:
            fault = custom_fault(program.custom_events, payload.name, payload.numbers, event.attributes)
        return fault
    if isinstance(payload, SubscriptionRenewed):
        return (
            id_fault("subscription_id", payload.subscription_id)
            or id_fault("plan", payload.plan)
            or range_fault("amount_minor", payload.amount_minor, 0, AMOUNT_MINOR_MAX)
            or currency_fault(payload.currency, program)
            or rate_fault(payload.currency, payload.amount_minor, at_ms, program)
            or range_fault("period_months", payload.period_months, 1, MONTHS_MAX)
        )
    if isinstance(payload, EmiPaymentSucceeded):
        return (
            id_fault("loan_id", payload.loan_id)
            or range_fault("instalment_number", payload.instalment_number, 1, INSTALMENTS_MAX)
            or range_fault("amount_minor", payload.amount_minor, 1, AMOUNT_MINOR_MAX)
            or currency_fault(payload.currency, program)
            or rate_fault(payload.currency, payload.amount_minor, at_ms, program)
        )
    if isinstance(payload, RedemptionConfirmed):
        return id_fault("redemption_id", payload.redemption_id) or range_fault(
            "quantity", payload.quantity, 0, QUANTITY_MAX
        )
    if isinstance(payload, TransactionCancelled):
        return id_fault("order_id", payload.order_id) or range_fault("revision", payload.revision, 0, REVISION_MAX)
    if isinstance(payload, OnboardingCompleted):
        return id_fault("flow", payload.flow)
    if isinstance(payload, ReferralAccepted):
        return id_fault("referral_id", payload.referral_id) or referral_fault(
            "referred_member_id", payload.referred_member_id, member_id
        )
    if isinstance(payload, ReferralJoined):
        return (
            id_fault("referral_id", payload.referral_id)
            or referral_fault("referrer_member_id", payload.referrer_member_id, member_id)
            or marks_fault(payload.marks)
        )
    if isinstance(payload, (HouseholdJoined, HouseholdLeft)):
        return id_fault("household_id", payload.household_id)
    if isinstance(payload, PointsPooled):
        return unit_fault("unit", payload.unit, program) or range_fault("points", payload.points, 1, POINTS_MAX)
    if isinstance(payload, ReviewDecided):
        return (
            id_fault("review_id", payload.review_id)
            or choice_fault("verdict", payload.verdict, VERDICTS)
            or text_fault("reviewer", payload.reviewer)
        )
    if isinstance(payload, QuarantineReleased):
        return text_fault("author", payload.author)
    if isinstance(payload, TransferRequested):
        return transfer_fault(payload, member_id, program)
    if isinstance(payload, DERIVED):
        return derived_fault(event, payload)
    assert isinstance(payload, MemberQuarantined), f"no validation of {type(payload).__name__}"
    return text_fault("quarantined_event_id", payload.quarantined_event_id)


def currency_fault(currency: str, program: Program) -> Fault | None:
    """ISO 4217 codes that the programme knows."""
    if currency in program.currencies:
        return None
    if not currency:
        return (reasons.MISSING_FIELD, "currency is empty; it is required")
    known = ", ".join(sorted(program.currencies))
    return (
        reasons.UNKNOWN_CURRENCY,
        f"currency is {shown(currency)}; the programme knows {known}: add it there, or send another",
    )


def rate_fault(currency: str, amount_minor: int, at_ms: int, program: Program) -> Fault | None:
    """Amounts that a programme with a base currency cannot convert."""
    conversion = program.conversion
    if conversion is None or currency == conversion.base:
        return None
    if conversion.rate(currency, at_ms) is None:
        return (
            reasons.NO_EXCHANGE_RATE,
            f"currency is {shown(currency)}, of which the programme has no rate on {at(at_ms)}; "
            f"activate a programme with an earlier rate for that time, then send the event again",
        )
    base_minor = conversion.base_minor(currency, amount_minor, at_ms)
    return range_fault(f"amount_minor in {conversion.base}", base_minor, 0, AMOUNT_MINOR_MAX)


def lines_fault(lines: list[Line]) -> Fault | None:
    """Order lines: unique ids, quantities and amounts in range."""
    seen: set[str] = set()
    for index, line in enumerate(lines):
        place = f"lines[{index}]"
        fault = (
            id_fault(f"{place}.line_id", line.line_id)
            or id_fault(f"{place}.sku", line.sku)
            or range_fault(f"{place}.quantity", line.quantity, 1, QUANTITY_MAX)
            or range_fault(f"{place}.amount_minor", line.amount_minor, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
        )
        if fault is not None:
            return fault
        if line.line_id in seen:
            return (
                reasons.REPEATED_LINE,
                f"{place}.line_id is {shown(line.line_id)}, as of a line before it; give each line an id of its own",
            )
        seen.add(line.line_id)
    return None


def refund_lines_fault(lines: list[RefundLine]) -> Fault | None:
    """Lines that came back: each once, with as many pieces as a line can have."""
    seen: set[str] = set()
    for index, line in enumerate(lines):
        place = f"lines[{index}]"
        fault = id_fault(f"{place}.line_id", line.line_id) or range_fault(
            f"{place}.quantity", line.quantity, 0, QUANTITY_MAX
        )
        if fault is not None:
            return fault
        if line.line_id in seen:
            return (
                reasons.REPEATED_LINE,
                f"{place}.line_id is {shown(line.line_id)}, as of a line before it; give each line once",
            )
        seen.add(line.line_id)
    return None


def payment_fault(payload: TransactionCompleted, program: Program) -> Fault | None:
    """The part paid with points: a known unit, and worth at most what was paid."""
    return (
        unit_fault("points_unit", payload.points_unit, program)
        or range_fault("points_paid", payload.points_paid, 1, POINTS_MAX)
        or range_fault("points_paid_minor", payload.points_paid_minor, 0, payload.amount_minor)
    )


def unit_fault(field: str, unit: str, program: Program) -> Fault | None:
    """A unit of the programme, or nothing for its first."""
    if not unit or unit in program.units:
        return None
    known = ", ".join(program.units)
    return (reasons.UNKNOWN_UNIT, f"{field} is {shown(unit)}; send one of {known}, or leave it empty for the first")


def adjustment_fault(payload: PointsAdjusted, program: Program) -> Fault | None:
    """Points given or taken by hand: a known unit, not 0, with reason and author."""
    fault = unit_fault("unit", payload.unit, program)
    if fault is not None:
        return fault
    if payload.points == 0:
        return (
            reasons.OUT_OF_RANGE,
            "points is 0; send a positive number to give points or a negative one to take them",
        )
    return (
        range_fault("points", payload.points, -POINTS_MAX, POINTS_MAX)
        or text_fault("reason", payload.reason)
        or text_fault("author", payload.author)
    )


def numbers_fault(numbers: dict[str, int]) -> Fault | None:
    """Whole-number attributes of a custom event."""
    for name, value in numbers.items():
        if not name:
            return (reasons.MISSING_FIELD, "numbers has an empty name; name each number")
        if not -AMOUNT_MINOR_MAX <= value <= AMOUNT_MINOR_MAX:
            return range_fault(f"numbers[{shown(name)}]", value, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
    return None


def referral_fault(field: str, other_member_id: str, member_id: str) -> Fault | None:
    """The other side of a referral: a member id, and not the member's own."""
    if other_member_id == member_id:
        return (
            reasons.SELF_REFERRAL,
            f"{field} is {shown(other_member_id)}, the member itself; it must be another member",
        )
    fault = id_fault(field, other_member_id)
    if fault is None and "|" in other_member_id:
        return (reasons.MALFORMED, f"{field} is {shown(other_member_id)}; send it without '|', which separates keys")
    return fault


def marks_fault(marks: list[str]) -> Fault | None:
    """A few hashes of 12 hex digits each."""
    for mark in marks:
        if len(mark) != 12 or mark.strip("0123456789abcdef"):
            return (reasons.MALFORMED, f"marks has {shown(mark)}; send hashes of 12 hex digits each, or none")
    return range_fault("number of marks", len(marks), 0, MARKS_MAX)
