"""Validation: every field's range, and details that name field, value and remedy."""

import pytest
from core_programs import DAY_MS, ms, program

from pipeline.core import reasons
from pipeline.core.bounds import AMOUNT_MINOR_MAX, POINTS_MAX
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import (
    PAYLOAD_TYPES,
    CustomEvent,
    EmiPaymentSucceeded,
    FulfillmentOutcome,
    Line,
    MemberEnrolled,
    MemberQuarantined,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReferralAccepted,
    ReferralJoined,
    RefundLine,
    SubscriptionRenewed,
    TransactionCancelled,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.validate import header_fault, no_program_fault, payload_fault
from pipeline.core.validate_derived import DERIVED

NOW = ms("2026-05-01")
LINE = Line("1", "sku", "", 1, 100)
PROGRAM = program(currencies=frozenset({"EUR", "USD"}))

VALID: list[Payload] = [
    TransactionCompleted("o", 0, "EUR", "", "", "", []),
    TransactionCompleted("o", AMOUNT_MINOR_MAX, "USD", "web", "s", "NL", [LINE, Line("2", "sku", "", 2, -100)]),
    TransactionCompleted("o", 100, "EUR", points_paid=7, points_unit="points", points_paid_minor=100, revision=3),
    TransactionRefunded("o", 1, "EUR", ""),
    TransactionRefunded("o", 0, "EUR", lines=[RefundLine("1"), RefundLine("2", 5)]),
    TransactionCancelled("o", 1_000_000),
    MemberEnrolled("", "", ""),
    MemberEnrolled("NL", "new", "2000-02-29"),
    ProfileChanged("", "", ""),
    OnboardingCompleted("kyc", ""),
    SubscriptionRenewed("s", "gold", 0, "EUR", 12),
    ReferralAccepted("r", "friend"),
    ReferralJoined("r", "friend"),
    EmiPaymentSucceeded("l", 1, 1, "EUR", True),
    RedemptionRequested("r", "voucher", 1, ""),
    RedemptionCancelled("r", ""),
    RedemptionConfirmed("r", 2),
    FulfillmentOutcome("f", "r", "confirmed", quantity=2),
    FulfillmentOutcome("f", "r", "unknown", "", ""),
    PointsAdjusted("", 1, "why", "ada"),
    PointsAdjusted("points", -POINTS_MAX, "why", "ada"),
    CustomEvent("review_written", {"stars": 5}),
    QuarantineReleased("ada", ""),
    MemberQuarantined("e", "shop", 0, "", ""),
]

Fault = tuple[str, str]


def missing(field: str) -> Fault:
    return "missing_field", f"{field} is empty; it is required"


def outside(field: str, value: int, least: int, most: int) -> Fault:
    return "out_of_range", f"{field} is {value}; it must be from {least} to {most}"


def currency(code: str) -> Fault:
    return "unknown_currency", f"currency is '{code}'; the programme knows EUR, USD: add it there, or send another"


def country(code: str) -> Fault:
    return "malformed", f"country is '{code}'; send an ISO 3166 alpha-2 code such as NL, or leave it empty"


def birth_date(text: str) -> Fault:
    return "malformed", f"birth_date is '{text}'; send an ISO 8601 date such as 1990-12-31, or leave it empty"


def piped(field: str) -> Fault:
    return "malformed", f"{field} is 'a|b'; send it without '|', which separates keys"


def oneself(field: str) -> Fault:
    return "self_referral", f"{field} is 'm', the member itself; it must be another member"


def bought(amount_minor: int, code: str) -> Payload:
    return TransactionCompleted("o", amount_minor, code, "", "", "", [])


def lines(*order_lines: Line) -> Payload:
    return TransactionCompleted("o", 1, "EUR", "", "", "", list(order_lines))


INVALID: list[tuple[Payload, str, str]] = [
    (TransactionCompleted("", 1, "EUR", "", "", "", []), *missing("order_id")),
    (
        TransactionCompleted("o" * 257, 1, "EUR", "", "", "", []),
        "malformed",
        "order_id has 257 characters; send at most 256",
    ),
    (
        TransactionCompleted("o\n", 1, "EUR", "", "", "", []),
        "malformed",
        r"order_id is 'o\n'; send it without control characters",
    ),
    (bought(-1, "EUR"), *outside("amount_minor", -1, 0, AMOUNT_MINOR_MAX)),
    (bought(10**12 + 1, "EUR"), *outside("amount_minor", 1000000000001, 0, AMOUNT_MINOR_MAX)),
    (bought(1, "GBP"), *currency("GBP")),
    (bought(1, ""), *missing("currency")),
    (TransactionCompleted("o", 1, "EUR", "", "", "nl", []), *country("nl")),
    (lines(Line("", "s", "", 1, 1)), *missing("lines[0].line_id")),
    (lines(LINE, Line("2", "", "", 1, 1)), *missing("lines[1].sku")),
    (lines(Line("1", "s", "", 0, 1)), *outside("lines[0].quantity", 0, 1, 1000000)),
    (
        lines(Line("1", "s", "", 1, 10**13)),
        *outside("lines[0].amount_minor", 10000000000000, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX),
    ),
    (
        lines(LINE, LINE),
        "repeated_line",
        "lines[1].line_id is '1', as of a line before it; give each line an id of its own",
    ),
    (TransactionRefunded("o", 0, "EUR", ""), *outside("amount_minor", 0, 1, AMOUNT_MINOR_MAX)),
    (TransactionRefunded("", 1, "EUR", ""), *missing("order_id")),
    (TransactionRefunded("o", 1, "eur", ""), *currency("eur")),
    (MemberEnrolled("NLD", "", ""), *country("NLD")),
    (MemberEnrolled("", "", "2001-02-29"), *birth_date("2001-02-29")),
    (ProfileChanged("", "", "20010228"), *birth_date("20010228")),
    (ProfileChanged("", "", "2020-W01-1"), *birth_date("2020-W01-1")),
    (ProfileChanged("ÄÖ", "", ""), *country("ÄÖ")),
    (OnboardingCompleted("", ""), *missing("flow")),
    (SubscriptionRenewed("", "gold", 0, "EUR", 12), *missing("subscription_id")),
    (SubscriptionRenewed("s", "", 0, "EUR", 12), *missing("plan")),
    (SubscriptionRenewed("s", "gold", -1, "EUR", 12), *outside("amount_minor", -1, 0, AMOUNT_MINOR_MAX)),
    (SubscriptionRenewed("s", "gold", 0, "XXX", 12), *currency("XXX")),
    (SubscriptionRenewed("s", "gold", 0, "EUR", 0), *outside("period_months", 0, 1, 1200)),
    (ReferralAccepted("", "friend"), *missing("referral_id")),
    (ReferralAccepted("r", ""), *missing("referred_member_id")),
    (ReferralAccepted("r", "m"), *oneself("referred_member_id")),
    (ReferralAccepted("r", "a|b"), *piped("referred_member_id")),
    (ReferralJoined("r", "m"), *oneself("referrer_member_id")),
    (EmiPaymentSucceeded("", 1, 1, "EUR", True), *missing("loan_id")),
    (EmiPaymentSucceeded("l", 0, 1, "EUR", True), *outside("instalment_number", 0, 1, 10000)),
    (EmiPaymentSucceeded("l", 1, 0, "EUR", True), *outside("amount_minor", 0, 1, AMOUNT_MINOR_MAX)),
    (EmiPaymentSucceeded("l", 1, 1, "XXX", True), *currency("XXX")),
    (RedemptionRequested("", "voucher", 1, ""), *missing("redemption_id")),
    (RedemptionRequested("r", "", 1, ""), *missing("reward_id")),
    (RedemptionRequested("r", "voucher", 0, ""), *outside("quantity", 0, 1, 1000000)),
    (RedemptionCancelled("", ""), *missing("redemption_id")),
    (FulfillmentOutcome("", "r", "failed", "", ""), *missing("fulfillment_id")),
    (FulfillmentOutcome("f", "", "failed", "", ""), *missing("redemption_id")),
    (
        FulfillmentOutcome("f", "r", "done", "", ""),
        "malformed",
        "outcome is 'done'; it must be one of unknown, confirmed, failed, cancelled",
    ),
    (
        TransactionCompleted("o", 100, "EUR", points_paid=1, points_paid_minor=101),
        "out_of_range",
        "points_paid_minor is 101; it must be from 0 to 100",
    ),
    (
        TransactionCompleted("o", 100, "EUR", points_paid_minor=50),
        "out_of_range",
        f"points_paid is 0; it must be from 1 to {POINTS_MAX}",
    ),
    (
        TransactionCompleted("o", 100, "EUR", points_paid=1, points_unit="miles"),
        "unknown_unit",
        "points_unit is 'miles'; send one of points, or leave it empty for the first",
    ),
    (
        TransactionCompleted("o", 100, "EUR", revision=-1),
        "out_of_range",
        "revision is -1; it must be from 0 to 1000000",
    ),
    (
        TransactionRefunded("o", 0, "EUR"),
        "out_of_range",
        f"amount_minor is 0; it must be from 1 to {AMOUNT_MINOR_MAX}",
    ),
    (
        TransactionRefunded("o", 0, "EUR", lines=[RefundLine("1", -1)]),
        "out_of_range",
        "lines[0].quantity is -1; it must be from 0 to 1000000",
    ),
    (
        TransactionRefunded("o", 0, "EUR", lines=[RefundLine("1"), RefundLine("1")]),
        "repeated_line",
        "lines[1].line_id is '1', as of a line before it; give each line once",
    ),
    (RedemptionConfirmed("r", -1), "out_of_range", "quantity is -1; it must be from 0 to 1000000"),
    (
        FulfillmentOutcome("f", "r", "confirmed", quantity=-1),
        "out_of_range",
        "quantity is -1; it must be from 0 to 1000000",
    ),
    (TransactionCancelled("", 0), "missing_field", "order_id is empty; it is required"),
    (
        TransactionCancelled("o", 1_000_001),
        "out_of_range",
        "revision is 1000001; it must be from 0 to 1000000",
    ),
    (
        PointsAdjusted("miles", 1, "why", "ada"),
        "unknown_unit",
        "unit is 'miles'; send one of points, or leave it empty for the first",
    ),
    (
        PointsAdjusted("", 0, "why", "ada"),
        "out_of_range",
        "points is 0; send a positive number to give points or a negative one to take them",
    ),
    (
        PointsAdjusted("", POINTS_MAX + 1, "why", "ada"),
        *outside("points", 1000000000001, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX),
    ),
    (PointsAdjusted("", 1, "", "ada"), *missing("reason")),
    (PointsAdjusted("", 1, "why", ""), *missing("author")),
    (CustomEvent("", {}), *missing("name")),
    (CustomEvent("scored", {"": 1}), "missing_field", "numbers has an empty name; name each number"),
    (
        CustomEvent("scored", {"n": 2**62}),
        *outside("numbers['n']", 4611686018427387904, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX),
    ),
    (QuarantineReleased("", ""), *missing("author")),
    (MemberQuarantined("", "shop", 0, "", ""), *missing("quarantined_event_id")),
]


def event(payload: Payload, **changed: str | int) -> Event:
    values: dict[str, str | int] = {
        "event_id": "e",
        "member_id": "m",
        "occurred_at_ms": NOW,
        "source": "shop",
        **changed,
    }
    return Event(
        str(values["event_id"]),
        str(values["member_id"]),
        int(values["occurred_at_ms"]),
        str(values["source"]),
        "",
        {},
        payload,
        NOW,
    )


@pytest.mark.parametrize("payload", VALID, ids=lambda payload: type(payload).__name__)
def test_valid_events_have_no_fault(payload: Payload) -> None:
    assert header_fault(event(payload), Horizons()) is None
    assert payload_fault(event(payload), PROGRAM) is None


def test_every_event_type_is_validated() -> None:
    """Others have tests of their own: test_core_transfers, test_core_occasions, test_fraud_reviews and households."""
    others = ("transfer_requested", "review_decided", "household_joined", "household_left", "points_pooled")
    kinds = set(PAYLOAD_TYPES.values()) - {*DERIVED, *(PAYLOAD_TYPES[name] for name in others)}

    assert {type(payload) for payload in VALID} == kinds
    assert {type(payload) for payload, _, _ in INVALID} == kinds


@pytest.mark.parametrize(
    ("payload", "reason", "detail"), INVALID, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_fault_names_field_value_and_remedy(payload: Payload, reason: str, detail: str) -> None:
    assert payload_fault(event(payload), PROGRAM) == (reason, detail)


@pytest.mark.parametrize(
    ("changed", "reason", "detail"),
    [
        ({"member_id": ""}, "missing_field", "member_id is empty; it is required"),
        ({"event_id": ""}, "missing_field", "event_id is empty; it is required"),
        ({"source": ""}, "missing_field", "source is empty; it is required"),
        ({"member_id": "a|b"}, "malformed", "member_id is 'a|b'; send it without '|', which separates keys"),
        ({"member_id": "x" * 300}, "malformed", "member_id has 300 characters; send at most 256"),
        (
            {"event_id": "e" * 90 + "\x00"},
            "malformed",
            f"event_id is {'e' * 80!r}...; send it without control characters",
        ),
        (
            {"occurred_at_ms": NOW + 300_001},
            "occurred_in_future",
            "occurred_at is 2026-05-01T00:05:00.001Z, the record's timestamp 2026-05-01T00:00:00Z; "
            "it may be at most 300000 ms later: correct the source's clock and send it again",
        ),
        (
            {"occurred_at_ms": NOW - 89 * DAY_MS - 1},
            "occurred_too_long_ago",
            "occurred_at is 2026-01-31T23:59:59.999Z, the record's timestamp 2026-05-01T00:00:00Z; "
            "it may be at most 7689600000 ms earlier, and after 1970: book it with points_adjusted instead",
        ),
        (
            {"occurred_at_ms": -1},
            "occurred_too_long_ago",
            "occurred_at is -1 ms, the record's timestamp 2026-05-01T00:00:00Z; "
            "it may be at most 7689600000 ms earlier, and after 1970: book it with points_adjusted instead",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_of_the_header(changed: dict[str, str | int], reason: str, detail: str) -> None:
    assert header_fault(event(CustomEvent("x", {}), **changed), Horizons()) == (reason, detail)


@pytest.mark.parametrize("occurred_at_ms", [NOW + 300_000, NOW - 89 * DAY_MS])
def test_the_horizons_themselves_are_valid(occurred_at_ms: int) -> None:
    assert header_fault(event(CustomEvent("x", {}), occurred_at_ms=occurred_at_ms), Horizons()) is None


def test_times_beyond_any_calendar_do_not_break_the_detail() -> None:
    fault = header_fault(event(CustomEvent("x", {}), occurred_at_ms=2**62), Horizons())

    assert fault is not None
    assert fault[1].startswith("occurred_at is 4611686018427387904 ms")


def test_an_event_before_any_program_is_told_what_to_do() -> None:
    assert no_program_fault(event(CustomEvent("x", {}))) == (
        "no_program",
        "occurred_at is 2026-05-01T00:00:00Z, before the first program takes effect; "
        "activate a program for that time, then send the event again",
    )


def test_every_reason_is_described_and_of_one_kind() -> None:
    named = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}

    kinds = (reasons.DEAD_LETTER_REASONS, reasons.REFUSAL_REASONS, reasons.APPLIED_REASONS)
    assert sorted(named) == sorted(reason for kind in kinds for reason in kind)
