"""The naive model's arithmetic: fractions, months by trying days, windows as labels. No function of the core."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from pipeline.core.program import Period, Program, Rule, Unit

NO_PERIOD = Period(0, 0)


def minimum(rule: Rule) -> int:
    """The condition of the tests' rules: the least amount that the rule id ends with, such as `big>=5000`."""
    return int(rule.rule_id.partition(">=")[2] or 0)


def desired(rule: Rule, amount: int, percent: int) -> int:
    exact = Fraction(rule.fixed_points) or Fraction(amount * rule.rate_numerator, rule.per * rule.rate_denominator)
    if rule.tier_multiplies:
        exact = exact * percent / 100
    if rule.unit.rounding == "half_up":
        return math.floor(exact + Fraction(1, 2))
    if rule.unit.rounding == "half_even":
        return round(exact)
    return math.ceil(exact) if rule.unit.rounding == "ceiling" else math.floor(exact)


def dates(pending: Period, unit: Unit, expires: Period | None, at: int, program: Program) -> tuple[int, int]:
    """(pending until or 0, expires at or 0)."""
    pending_until = moved(at, pending, program.zone) if (pending.months, pending.ms) != (0, 0) else 0
    lasting = unit.expires if expires is None else expires
    if (lasting.months, lasting.ms, lasting.end_of) == (0, 0, ""):
        return pending_until, 0
    there = moved(pending_until or at, lasting, program.zone)
    return pending_until, after_window(lasting.end_of, there, program.zone) if lasting.end_of else there


def after_window(every: str, at: int, zone: ZoneInfo) -> int:
    """The first midnight after `at` at which another month or year begins."""
    label = window(every, at, zone)
    day = datetime.fromtimestamp(at // 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    while window(every, millis(day), zone) == label:
        day += timedelta(days=1)
    return millis(day)


def moved(at: int, period: Period, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(at // 1000, zone)
    year, month = local.year, local.month
    for _ in range(period.months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = local.day
    while True:
        try:
            there = local.replace(year=year, month=month, day=day, fold=0) if period.months else local
            break
        except ValueError:
            day -= 1
    return int(there.timestamp()) * 1000 + at % 1000 + period.ms


def window(every: str, at: int, zone: ZoneInfo) -> tuple[int, ...]:
    """A label of the calendar window: later windows have greater labels."""
    local = datetime.fromtimestamp(at // 1000, zone)
    if every == "ever":
        return (1,)
    if every == "week":
        return tuple((local.date() - timedelta(days=local.weekday())).timetuple()[:3])
    return {"year": (local.year,), "month": (local.year, local.month), "day": (local.year, local.month, local.day)}[
        every
    ]


def millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
