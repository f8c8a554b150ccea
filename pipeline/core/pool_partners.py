"""Pools of partners: what all members together earn with a partner in a day, against its limit and its own days.

A partner that gives more is quarantined for as long as the signal says, or a person does: nothing passes until then.
Terms of a request are, in this order: the start of the day in ms, so many times what a day usually comes to (0: its own
days are not looked at), points below which no day is stopped, days that must be known, ms of quarantine (0: none). Its
limit is what a day may come to (0: any amount). What does not pass does not count, so it never becomes usual.
"""

from typing import Final

from pipeline.core import fraud_habits
from pipeline.core.bounds import WALLET_MAX
from pipeline.core.fraud_habits import Notes
from pipeline.core.records import PoolRequest

TERMS: Final = 5
DAYS: Final = "days"
"""Name of the habit, as `fraud_habits` has it, in the notes of a pool."""
UNTIL: Final = "until"
"""Name of the end of the quarantine in ms."""


def count(known: Notes, request: PoolRequest) -> tuple[int, int]:
    """Count what a member earned, if it passes. Returns (points of the day with it, points that are allowed: 0 under
    quarantine)."""
    day_ms, _, _, _, quarantine_ms = request.terms
    total = fraud_habits.today(known.get(DAYS), day_ms) + request.amount
    limit = allowed(known, request)
    if total > limit > 0 and quarantine_ms:  # what a quarantine stops does not prolong it
        known[UNTIL] = (max(quarantined_until(known), request.occurred_at_ms + quarantine_ms),)
    if total <= limit:
        fraud_habits.note_amount(known, DAYS, day_ms, request.amount)
    return total, limit


def allowed(known: Notes, request: PoolRequest) -> int:
    """What the day may come to."""
    if request.occurred_at_ms < quarantined_until(known):
        return 0
    day_ms, times, least, after, _ = request.terms
    limit = request.limit or WALLET_MAX
    habit = known.get(DAYS)
    if times and habit is not None and fraud_habits.known_days(habit, day_ms) >= after:
        usual = fraud_habits.normal(fraud_habits.as_of(habit, day_ms))
        limit = min(limit, max(usual * times, least))
    return limit


def quarantined_until(known: Notes) -> int:
    """When the quarantine ends, in ms; 0 where there was none."""
    return known[UNTIL][0] if UNTIL in known else 0


def quarantine(known: Notes, until_ms: int) -> None:
    """A person puts the partner under quarantine until then, or ends it."""
    known[UNTIL] = (until_ms,)
