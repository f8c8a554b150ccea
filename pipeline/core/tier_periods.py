"""Qualifying periods: in which year or month points count for tiers, what counts together, and how long a tier is kept.

A period is a number: of a calendar year the year, of a membership year the year in which it begins, of a month its
years since 0 times 12 and months since January. So years and months never meet, and later periods have greater numbers.
"""

from datetime import datetime
from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.calendar import DAY_MS, Calendar
from pipeline.core.member import Member
from pipeline.core.program import Program

FIRST_MONTH: Final = 12 * 1970
HALF_YEAR_MS: Final = 182 * DAY_MS
HALF_MONTH_MS: Final = 14 * DAY_MS


def period_of(member: Member, program: Program, at_ms: int) -> int:
    """The period that holds `at_ms`."""
    calendar, policy = program.calendar, program.tier_policy
    if policy.calendar_years:
        return calendar.year(at_ms)
    if policy.by_month:
        # A month's middle has its date by any offset from UTC.
        middle = datetime.fromtimestamp((calendar.window_start("month", at_ms) + HALF_MONTH_MS) // 1000, program.zone)
        return middle.year * 12 + middle.month - 1
    year = calendar.year(at_ms)
    return year - 1 if at_ms < membership_start(member, calendar, year) else year


def period_start(member: Member, program: Program, period: int) -> int:
    """First millisecond of a period."""
    calendar, policy = program.calendar, program.tier_policy
    if policy.calendar_years:
        return calendar.year_start(period)
    if policy.by_month:
        return calendar.day_start(period // 12, period % 12 + 1, 1)
    return membership_start(member, calendar, period)


def membership_start(member: Member, calendar: Calendar, year: int) -> int:
    """When the membership year begins that begins in this calendar year: on the day of the enrolment."""
    enrolled = datetime.fromtimestamp(member.enrolled_at_ms // 1000, calendar.zone)
    return calendar.day_start(year, enrolled.month, enrolled.day)


def counting_period(member: Member, program: Program, at_ms: int) -> int:
    """Period in which points earned at `at_ms` count: their own, or the newest that the member has counted in."""
    if program.tier_policy.calendar_years:
        return max(program.calendar.year(at_ms), member.qualifying_year)
    return max(period_of(member, program, at_ms), newest_period(member, program))


def newest_period(member: Member, program: Program) -> int:
    """The newest period that the member has counted in, or 0."""
    if not program.tier_policy.by_month:
        return member.qualifying_year
    newest = max(member.qualifying_periods, default=0)
    return newest if newest >= FIRST_MONTH else 0


def count(member: Member, program: Program, period: int, points: int) -> None:
    """Count points in a period that is not older than the newest."""
    open_period(member, program, period)
    if program.tier_policy.by_month:
        member.qualifying_periods[period] = min(member.qualifying_periods[period] + points, WALLET_MAX)
    else:
        member.qualifying_points = min(member.qualifying_points + points, WALLET_MAX)


def open_period(member: Member, program: Program, period: int) -> None:
    """Start counting a newer period, keeping what a tier can rest on of those before it."""
    policy = program.tier_policy
    if period <= newest_period(member, program):
        return
    kept = member.qualifying_periods
    if policy.by_month:
        first = period - policy.months - policy.keep
        kept = {one: points for one, points in kept.items() if one < FIRST_MONTH or one >= first}
        kept[period] = 0
    else:
        previous = points_of(member, period - 1)
        if policy.keep > 1 and member.qualifying_year:
            kept[member.qualifying_year - 1] = member.qualifying_previous
            kept[member.qualifying_year] = member.qualifying_points
        if kept:
            first = period - policy.keep
            kept = {one: some for one, some in kept.items() if one >= FIRST_MONTH or first <= one < period - 1}
        member.qualifying_year = period
        member.qualifying_points = 0
        member.qualifying_previous = previous
    member.qualifying_periods = kept


def uncount(member: Member, period: int, points: int) -> None:
    """A clawback takes qualifying points from the period they counted in, if that is still kept."""
    if period == member.qualifying_year:
        member.qualifying_points = max(member.qualifying_points - points, 0)
    elif period == member.qualifying_year - 1:
        member.qualifying_previous = max(member.qualifying_previous - points, 0)
    elif period in member.qualifying_periods:
        member.qualifying_periods[period] = max(member.qualifying_periods[period] - points, 0)


def points_of(member: Member, period: int) -> int:
    """Qualifying points of one period; 0 for those that are no longer, or not yet, kept."""
    if period == member.qualifying_year:
        return member.qualifying_points
    if period == member.qualifying_year - 1:
        return member.qualifying_previous
    return member.qualifying_periods.get(period, 0)


def points_together(member: Member, program: Program, period: int) -> int:
    """What counts towards a tier in a period: its own points, of rolling months also those of the months before it."""
    policy = program.tier_policy
    if not policy.by_month:
        return points_of(member, period)
    first = period - policy.months
    together = [points for one, points in member.qualifying_periods.items() if first <= one <= period]
    return min(sum(together), WALLET_MAX)


def best_points(member: Member, program: Program) -> int:
    """The best of the newest period and those before it that a tier can rest on."""
    newest = newest_period(member, program)
    oldest = newest - program.tier_policy.keep
    return max([points_together(member, program, period) for period in range(oldest, newest + 1)])


def kept_until(member: Member, program: Program, period: int) -> int:
    """When a tier that a period's points reach is reviewed."""
    policy = program.tier_policy
    return period_start(member, program, period + policy.keep + 1) + policy.grace_ms


def period_beginning(member: Member, program: Program, at_ms: int) -> int:
    """The period that begins nearest to `at_ms`: the programme's zone or periods may have changed since it was set."""
    half_ms = HALF_MONTH_MS if program.tier_policy.by_month else HALF_YEAR_MS
    return period_of(member, program, at_ms + half_ms)
