"""Calendar arithmetic in a programme's zone: windows of limits, qualifying years, and periods of months."""

from datetime import date, datetime, timedelta
from typing import Final, final
from zoneinfo import ZoneInfo

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
SHIFTS_MAX: Final = 4096
FOREVER_MS: Final = 1 << 62
UTC: Final = ZoneInfo("UTC")

EVERY: Final = ("hour", "day", "week", "month", "year", "ever")
"""Calendar windows, shortest first."""


@final
class Calendar:
    """The calendar of one zone. What it remembers between calls only saves time: every answer depends on its arguments
    alone.

    Local times that a change of clocks skips or repeats are read as RFC 5545 does: a skipped time by the offset before
    the change, a repeated one as its first occurrence.
    """

    __slots__ = ("_ends", "_shifts", "_windows", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._windows: dict[str, tuple[int, int, int]] = {}
        self._ends: dict[str, tuple[int, int, int]] = {}
        self._shifts: dict[tuple[int, int], tuple[int, int, int]] = {}

    def window_start(self, every: str, at_ms: int) -> int:
        """Start of the hour, day, ISO week (from Monday), month or year that holds `at_ms`; 0 for `ever`.

        Windows are intervals of real time: a later instant never has an earlier start. Raises ValueError for another
        `every`.
        """
        known = self._windows.get(every)
        if known is not None and known[0] <= at_ms < known[1]:
            return known[0]
        if every == "hour":
            return self._hour_start(at_ms)
        if every == "ever":
            return 0
        return self._window(every, at_ms)[0]

    def window_end(self, every: str, at_ms: int) -> int:
        """First millisecond after the day, ISO week, month or year that holds `at_ms`."""
        known = self._ends.get(every)
        if known is None or not known[0] <= at_ms < known[1]:
            known = self._find_window(every, at_ms)
            self._ends[every] = known
        return known[1]

    def year(self, at_ms: int) -> int:
        """Number of the calendar year that holds `at_ms`."""
        known = self._windows.get("year")
        if known is not None and known[0] <= at_ms < known[1]:
            return known[2]
        return self._window("year", at_ms)[2]

    def year_start(self, year: int) -> int:
        """First millisecond of a calendar year."""
        return self._midnight(date(year, 1, 1))

    def day_start(self, year: int, month: int, day: int) -> int:
        """First millisecond of a date; of the month's last day where it has no such day, as 29 February mostly."""
        return self._midnight(date(year, month, min(day, days_in_month(year, month))))

    def add(self, at_ms: int, months: int, ms: int) -> int:
        """`at_ms` plus `months` and then `ms`. Months keep the local time and the day, or take the month's last if it
        is shorter.

        Raises ValueError beyond the year 9999.
        """
        if not months:
            return at_ms + ms
        known = self._shifts.get((at_ms // HOUR_MS, months))
        if known is not None and known[0] <= at_ms < known[1]:
            return at_ms + known[2] + ms
        moved_ms = self._add_months(at_ms, months)
        self._remember_shift(at_ms, months, moved_ms)
        return moved_ms + ms

    def _remember_shift(self, at_ms: int, months: int, moved_ms: int) -> None:
        """Where neither the day nor the one it moves to has a change of clocks, all its times move alike."""
        start_ms, end_ms, _ = self._window("day", at_ms)
        if end_ms - start_ms != DAY_MS:
            return
        moved_start_ms, moved_end_ms, _ = self._window("day", moved_ms)
        if moved_end_ms - moved_start_ms != DAY_MS:
            return
        if len(self._shifts) >= SHIFTS_MAX:
            self._shifts.clear()
        self._shifts[at_ms // HOUR_MS, months] = (start_ms, end_ms, moved_start_ms - start_ms)

    def _add_months(self, at_ms: int, months: int) -> int:
        local = datetime.fromtimestamp(at_ms // 1000, self.zone)
        years, month0 = divmod(local.month - 1 + months, 12)
        year, month = local.year + years, month0 + 1
        moved = local.replace(year=year, month=month, day=min(local.day, days_in_month(year, month)), fold=0)
        return int(moved.timestamp()) * 1000 + at_ms % 1000

    def _hour_start(self, at_ms: int) -> int:
        """By the offset in force, so that the repeated hour of a change of clocks has a window of its own."""
        offset = datetime.fromtimestamp(at_ms // 1000, self.zone).utcoffset()
        assert offset is not None
        return at_ms - (at_ms + (offset.days * 86_400 + offset.seconds) * 1000) % HOUR_MS

    def _window(self, every: str, at_ms: int) -> tuple[int, int, int]:
        """The window as `_find_window` finds it, remembered."""
        window = self._find_window(every, at_ms)
        self._windows[every] = window
        return window

    def _find_window(self, every: str, at_ms: int) -> tuple[int, int, int]:
        """(start, end, year of the start) of the window; the local date is only the first guess where clocks change at
        midnight."""
        day = datetime.fromtimestamp(at_ms // 1000, self.zone).date()
        first = first_day(every, day)
        start = self._midnight(first)
        if start > at_ms:
            first = first_day(every, first - timedelta(days=1))
            start = self._midnight(first)
        following = following_first_day(every, first)
        end = self._midnight(following)
        while end <= at_ms:
            first, start = following, end
            following = following_first_day(every, first)
            end = self._midnight(following)
        return (start, end, first.year)

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 1000


def first_day(every: str, day: date) -> date:
    """First local date of the day, week, month or year that holds `day`."""
    if every == "month":
        return day.replace(day=1)
    if every == "day":
        return day
    if every == "week":
        return day - timedelta(days=day.weekday())
    if every == "year":
        return day.replace(month=1, day=1)
    raise ValueError(f"every is {every!r}; it must be one of {', '.join(EVERY)}")


def following_first_day(every: str, first: date) -> date:
    """First local date of the window after the one that starts on `first`."""
    if every == "month":
        return date(first.year + first.month // 12, first.month % 12 + 1, 1)
    if every == "day":
        return first + timedelta(days=1)
    if every == "week":
        return first + timedelta(days=7)
    return date(first.year + 1, 1, 1)


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def iso_utc(at_ms: int) -> str:
    """ISO 8601 in UTC, such as `2026-01-31T09:00:00Z`, with milliseconds where there are any."""
    text = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    milliseconds = at_ms % 1000
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"
