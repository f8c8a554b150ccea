"""Signals over how many points an event gives or takes, or brings the day to: against the member's own days, and
against what its cohort comes to."""

from typing import Final

from pipeline.core import fraud_habits
from pipeline.core.calendar import Calendar
from pipeline.core.cohorts import Baseline, cohort_key
from pipeline.core.fraud_habits import Notes
from pipeline.core.fraud_program import BY_PARTNER, BY_SEGMENT, BY_TIER, Signal
from pipeline.core.fraud_traits import Found
from pipeline.core.member import Member
from pipeline.core.records import Evidence

DAY: Final = "day"
EVENT: Final = "event"


def judge_history(signal: Signal, notes: Notes, calendar: Calendar, at_ms: int, amount: int) -> Found | None:
    """Whether `amount` more brings the day to far more than the member's days come to."""
    day_ms = calendar.window_start(DAY, at_ms)
    known = notes.get(signal.counter.key)
    if known is None or fraud_habits.known_days(known, day_ms) < signal.after:
        return None
    habit = fraud_habits.as_of(known, day_ms)
    median, distance = fraud_habits.spread(habit)
    usual = fraud_habits.usual(habit, median)
    limit = max(usual * signal.at_most, signal.least, median + signal.per * distance)
    total = habit[1] + amount
    if total <= limit:
        return None
    facts = [
        Evidence("usual_a_day", str(usual)),
        Evidence("median", str(median)),
        Evidence("median_distance", str(distance)),
    ]
    return Found(total, limit, "", facts)


def judge_cohort(
    signal: Signal, baseline: Baseline, member: Member, partner: str, calendar: Calendar, at_ms: int, amount: int
) -> Found | None:
    """Whether `amount`, or the day that it brings the member to, is far more than the cohort comes to.

    A cohort that was not measured, or of fewer members than the signal asks for, judges nothing.
    """
    name = cohort_of(signal.by, member.segment, member.tier, partner)
    known = baseline.of(cohort_key(signal.measure, signal.unit, signal.by, per_of(signal), name), signal.per)
    if known is None or known.members < signal.after:
        return None
    total = amount
    if signal.counter.key:
        habit = None if member.counts is None else member.counts.notes.get(signal.counter.key)
        total += fraud_habits.today(habit, calendar.window_start(DAY, at_ms))
    limit = max(known.points * signal.at_most, signal.least)
    if total <= limit:
        return None
    facts = [
        Evidence("cohort", f"{signal.by}:{name}" if name else signal.by),
        Evidence("cohort_members", str(known.members)),
        Evidence("cohort_permille", str(signal.per)),
        Evidence("cohort_points", str(known.points)),
        Evidence("baseline_id", baseline.record.baseline_id),
        Evidence("baseline_effective_at_ms", str(baseline.record.effective_at_ms)),
    ]
    return Found(total, limit, name, facts)


def per_of(signal: Signal) -> str:
    """Whether a cohort signal looks at what an event comes to, or at the member's day."""
    return DAY if signal.counter.key else EVENT


def cohort_of(by: str, segment: str, tier: str, partner: str) -> str:
    """Name of a member's segment or tier, as it stands, or of the event's partner; "" of all members."""
    if by == BY_SEGMENT:
        return segment
    if by == BY_TIER:
        return tier
    return partner if by == BY_PARTNER else ""
