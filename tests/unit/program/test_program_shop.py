"""The sample programme: sound, without warnings, and its rules hold for whom they are meant."""

from pathlib import Path

import pytest

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import (
    CustomEvent,
    EmiPaymentSucceeded,
    Payload,
    ReferralAccepted,
    ReferralJoined,
    SubscriptionRenewed,
    TransactionCompleted,
)
from pipeline.program import check, compile_bundle, load_program

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
DAY_MS = 86_400_000


def met(payload: Payload, member: Member, attributes: dict[str, str] | None = None) -> dict[str, int]:
    """Value of `of` by id of the shop's rules whose condition holds."""
    event = Event("e", "m-1", 100 * DAY_MS, "till", "", attributes or {}, payload, 100 * DAY_MS)
    table = compile_bundle(load_program(SHOP)).rules[event.type_name]
    return {table.rules[index].rule_id: value for index, value in table.match(event, payload, member, [])}


def purchase(amount_minor: int, channel: str = "web") -> TransactionCompleted:
    return TransactionCompleted("o-1", amount_minor, "USD", channel, "", "US", [])


def member(tier: str = "bronze", purchases: int = 0) -> Member:
    member = Member("m-1")
    member.tier = tier
    member.enrolled_at_ms = 10 * DAY_MS
    member.event_counts = {"transaction_completed": purchases} if purchases else {}
    return member


def test_the_shop_has_neither_mistakes_nor_warnings() -> None:
    assert check(SHOP) == []


@pytest.mark.parametrize(
    ("payload", "who", "rules"),
    [
        (purchase(1177), member(), {"purchase": 1177, "first-purchase": 0}),
        (purchase(4999), member(purchases=1), {"purchase": 4999, "first-purchase": 0, "comeback": 0}),
        (purchase(5000), member(), {"purchase": 5000, "first-purchase": 0, "big-basket": 5000}),
        (purchase(3000), member("gold"), {"purchase": 3000, "first-purchase": 0, "loyal-thanks": 0}),
        (purchase(1000, "app"), member("silver"), {"purchase": 1000, "first-purchase": 0, "app-order": 0}),
        (SubscriptionRenewed("s", "yearly", 9900, "USD", 12), member(), {"renewal": 0}),
        (SubscriptionRenewed("s", "monthly", 990, "USD", 1), member(), {"short-renewal": 0}),
        (EmiPaymentSucceeded("l", 3, 20_000, "USD", True), member(), {"instalment-on-time": 20_000}),
        (EmiPaymentSucceeded("l", 3, 20_000, "USD", False), member(), {}),
        (ReferralAccepted("r", "m-2"), member(), {"referrer": 0}),
        (ReferralJoined("r", "m-2"), member(), {"referred": 0}),
        (CustomEvent("review_written", {"characters": 200}), member(), {"review": 0}),
        (CustomEvent("review_written", {}), member(), {}),
        (CustomEvent("survey", {"characters": 200}), member(), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rules_hold_for_whom_they_are_meant(payload: Payload, who: Member, rules: dict[str, int]) -> None:
    assert met(payload, who) == rules


def test_the_shadow_rule_needs_its_attribute() -> None:
    assert "weekend-double" in met(purchase(1000), member(), {"weekend": "yes"})
    assert "weekend-double" not in met(purchase(1000), member(), {"weekend": "no"})
    assert "weekend-double" not in met(purchase(1000), member())
