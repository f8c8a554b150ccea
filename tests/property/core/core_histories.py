"""Random histories of a few members: events in the order of their times, and a program that uses everything."""

from __future__ import annotations

from core_programs import DAY_MS, HOUR_MS, Limit, Period, Reward, Tier, Unit, ms, rule, table
from core_programs import program as core_program
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.payloads import (
    CustomEvent,
    Payload,
    PointsAdjusted,
    RedemptionCancelled,
    RedemptionRequested,
    ReferralAccepted,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.program import Program

MEMBERS = ("anna", "bert", "carl", "dora", "emil")
START_MS = ms("2026-11-20T09:00:00")
POINTS = Unit("points", "half_even", Period(1, 0))


def full_program() -> Program:
    """Pending, expiry, limits, cooldown, tiers, referrals, a house and an external reward, debt."""
    purchases = table(
        rule("base", POINTS, pending=Period(0, 2 * DAY_MS), tier_multiplies=True),
        rule("capped", POINTS, rate=(1, 4), limits=(Limit(9, 0, "week"), Limit(0, 1, "day"))),
        rule("cool", POINTS, fixed=3, cooldown_ms=DAY_MS, cooldown_any=True, expires=Period(0, 4 * DAY_MS)),
    )
    return core_program(
        {
            "transaction_completed": purchases,
            "referral_accepted": table(rule("referrer", POINTS, fixed=20, limits=(Limit(0, 2, "year"),))),
            "referral_joined": table(rule("referred", POINTS, fixed=10, first_only=True)),
        },
        zone="Europe/Amsterdam",
        units=(POINTS,),
        tiers=(Tier("bronze", 0, 100), Tier("silver", 40, 150), Tier("gold", 120, 200)),
        rewards=[
            Reward("house", POINTS, 5, "house", (), (Limit(0, 2, "day"),)),
            Reward("mug", POINTS, 8, "external", (), ()),
        ],
        clawback="unlimited",
    )


numbers = st.integers(0, 8)
rewards = st.sampled_from(["house", "mug"])


def purchase(number: int, amount_minor: int) -> Payload:
    return TransactionCompleted(f"o{number}", amount_minor, "EUR", "", "", "", [])


def refund(number: int, amount_minor: int) -> Payload:
    return TransactionRefunded(f"o{number}", amount_minor, "EUR", "")


payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(purchase, st.integers(0, 40), st.integers(0, 6_000)),
    st.builds(refund, numbers, st.integers(1, 900)),
    st.builds(lambda number, reward: RedemptionRequested(f"r{number}", reward, 1, ""), numbers, rewards),
    st.builds(lambda number: RedemptionCancelled(f"r{number}", ""), numbers),
    st.builds(lambda points: PointsAdjusted("", points, "why", "ada"), st.integers(-9, 15).filter(bool)),
    st.builds(lambda other: ReferralAccepted("ref", other), st.sampled_from(["new1", "new2", "friend"])),
    st.builds(lambda stars: CustomEvent("review", {"stars": stars}), numbers),
)
steps = st.one_of(st.integers(1, HOUR_MS), st.integers(HOUR_MS, 3 * DAY_MS), st.just(25 * DAY_MS))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events at rising times; some occurred before they were recorded."""
    at_ms = START_MS
    events: list[Event] = []
    for number in range(draw(st.integers(1, 40))):
        at_ms += draw(steps)
        member_id = draw(st.sampled_from(MEMBERS))
        late_ms = draw(st.one_of(st.just(0), st.integers(0, 40 * DAY_MS)))
        events.append(Event(f"e{number}", member_id, at_ms - late_ms, "shop", "", {}, draw(payloads), at_ms))
    return events
