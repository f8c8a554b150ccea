"""The naive model's arithmetic: fractions, months by trying days, windows as labels. No function of the core."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from pipeline.core.campaigns import Limit
from pipeline.core.program import Period, Program, Rule, Unit
from pipeline.core.schedules import Schedule

NO_PERIOD = Period(0, 0)


def minimum(rule: Rule) -> int:
    """The condition of the tests' rules: the least amount that the rule id ends with, such as `big>=5000`."""
    return int(rule.rule_id.partition(">=")[2] or 0)


def desired(rule: Rule, amount: int, percent: int, tier: str) -> int:
    rate = (rule.tier_rates or {}).get(tier, (rule.rate_numerator, rule.rate_denominator))
    exact = Fraction(rule.fixed_points) or Fraction(amount, rule.per) * Fraction(*rate)
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


def owned(rule: Rule) -> list[tuple[str, Limit]]:
    """The rule's limits with whose they are: its own, or its campaign's."""
    shared = () if rule.campaign is None else rule.campaign.limits
    return [
        (f"campaign:{rule.campaign.campaign_id}" if rule.campaign and limit in shared else rule.rule_id, limit)
        for limit in rule.limits
    ]


def running(schedule: Schedule, at: int, zone: ZoneInfo) -> bool:
    """Whether what the clocks show at a time lies in hours that began today or yesterday."""
    shown = datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)
    for back in (0, 1):
        day = datetime(shown.year, shown.month, shown.day) - timedelta(days=back)
        after_first = day.toordinal() >= schedule.first_day
        before_last = not schedule.last_day or day.toordinal() <= schedule.last_day
        if not (after_first and before_last and day.weekday() in (schedule.weekdays or range(7))):
            continue
        for start, end in schedule.hours or ((0, 24 * 60),):
            lasting = end - start if end > start else end - start + 24 * 60
            begin = day + timedelta(minutes=start)
            if begin <= shown < begin + timedelta(minutes=lasting):
                return True
    return False


def rolled(uses: list[tuple[bool, int, int, int]], length: int, at: int) -> tuple[int, int]:
    """Points and count used within a rolling window, counted by 24ths of its length."""
    step = math.ceil(Fraction(length, 24))
    counted: dict[int, list[int]] = {}
    newest = 0
    for is_use, when, some_points, some_count in uses:
        points, count = some_points, some_count
        own = when // step
        if is_use:
            newest = max(newest, own)
            slot = counted.setdefault(newest, [0, 0])
            slot[0], slot[1] = slot[0] + points, slot[1] + count
        elif own >= newest - 24:
            for number in sorted(number for number in counted if number >= own):
                slot = counted[number]
                back = (min(points, slot[0]), min(count, slot[1]))
                slot[0], slot[1] = slot[0] - back[0], slot[1] - back[1]
                points, count = points - back[0], count - back[1]
    first = max(at // step, newest) - 24
    within = [slot for number, slot in counted.items() if number >= first]
    return sum(slot[0] for slot in within), sum(slot[1] for slot in within)


def streak(every: str, grace: int, times: list[int], zone: ZoneInfo) -> tuple[int, bool]:
    """(days or weeks in the row that is unbroken, whether the last of these times made it longer)."""
    row: list[date] = []
    longer = False
    for at in times:
        day = datetime.fromtimestamp(at / 1000, zone).date()
        if every == "week":
            day -= timedelta(days=day.weekday())
        longer = not row or day > row[-1]
        if longer and row and (day - row[-1]).days > (1 + grace) * (7 if every == "week" else 1):
            row = []
        if longer:
            row.append(day)
    return len(row), longer
