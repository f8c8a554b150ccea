"""What conditions can read: typed flat names per event type, and how the generated code reads each."""

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from pipeline.core.payloads import RULE_FIELDS

INT: Final = "int"
STRING: Final = "string"
STRING_MAP: Final = "map(string, string)"

REWARDABLE: Final = (
    "anniversary_reached",
    "birthday_reached",
    "custom_event",
    "emi_payment_succeeded",
    "member_enrolled",
    "onboarding_completed",
    "profile_changed",
    "referral_accepted",
    "referral_joined",
    "referral_qualified",
    "subscription_renewed",
    "transaction_completed",
)
"""Event types that rules can reward. The others move points or states themselves."""


@final
@dataclass(frozen=True, slots=True)
class Term:
    """A name that conditions can read.

    `read` is Python over `event`, `payload`, `member`, `UNIT` (the default unit's id) and `TIER` (the lowest tier's);
    it never raises. `domain` names what the value is one of (tier, currency): literals compared with it are checked.
    """

    name: str
    type: str
    read: str
    meaning: str
    domain: str = ""


def _count(event_type: str) -> str:
    return f"member.event_counts.get({event_type!r}, 0)"


def _wallet(field: str) -> str:
    return f"(0 if (wallet := member.wallets.get(UNIT)) is None else wallet.{field})"


_HEADER: Final = (
    Term("event.event_id", STRING, "event.event_id", "id the source gave the event"),
    Term("event.source", STRING, "event.source", "system that produced the event"),
    Term("event.attributes", STRING_MAP, "event.attributes", "free attributes of the event"),
)

_MEMBER: Final = (
    Term("member.tier", STRING, "(member.tier or TIER)", "tier before this event, at least the lowest", "tier"),
    Term("member.country", STRING, "member.country", "country of the profile, empty if not known"),
    Term("member.segment", STRING, "member.segment", "segment of the profile, empty if not known"),
    Term(
        "member.enrolled_days",
        INT,
        "(max(0, event.occurred_at_ms - member.enrolled_at_ms) // 86400000 if member.enrolled_at_ms else 0)",
        "whole days of 24 hours from enrolment to this event",
    ),
    Term("member.available", INT, _wallet("available"), "points of the default unit that can be spent"),
    Term("member.pending", INT, _wallet("pending"), "points of the default unit that are not available yet"),
    Term("member.transactions", INT, _count("transaction_completed"), "purchases before this event"),
    Term("member.refunds", INT, _count("transaction_refunded"), "refunds before this event"),
    Term("member.renewals", INT, _count("subscription_renewed"), "subscription renewals before this event"),
    Term("member.referrals", INT, _count("referral_accepted"), "accepted referrals before this event"),
    Term("member.instalments", INT, _count("emi_payment_succeeded"), "instalments paid before this event"),
    Term("member.redemptions", INT, _count("redemption_requested"), "redemptions requested before this event"),
    Term("member.custom_events", INT, _count("custom_event"), "custom events before this event"),
)

BASE_AMOUNT: Final = "event.amount_base_minor"
_DOMAINS: Final = {"currency": "currency", "name": "custom event"}

_READS: Final = {
    ("transaction_completed", "amount_minor"): "(payload.amount_minor - payload.points_paid_minor)",
}
"""What is not read as it stands: the part of a purchase that was paid with points earns nothing."""


@cache
def terms(event_type: str) -> dict[str, Term]:
    """Every name that conditions on an event type can read, by name. Raises KeyError for an unknown type."""
    own = tuple(
        Term(
            f"event.{field}", cel_type, _READS.get((event_type, field), f"payload.{field}"), "", _DOMAINS.get(field, "")
        )
        for field, cel_type in RULE_FIELDS[event_type]
    )
    amounts = {term.name: term.read for term in own if term.name in ("event.amount_minor", "event.currency")}
    converted = (_converted(*amounts.values()),) if len(amounts) == 2 else ()
    return {term.name: term for term in (*own, *converted, *_HEADER, *_MEMBER)}


def _converted(amount: str, currency: str) -> Term:
    """The amount in the base currency, of what the amount and the currency are read as."""
    read = f"base_minor({currency}, {amount}, event.occurred_at_ms)"
    return Term(BASE_AMOUNT, INT, read, "the amount in minor units of the base currency")


def types_with(field: str) -> list[str]:
    """Rewardable event types that have a field of this name."""
    return [kind for kind in REWARDABLE if any(name == field for name, _ in RULE_FIELDS[kind])]
