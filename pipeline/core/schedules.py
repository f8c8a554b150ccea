"""Schedules: the dates, weekdays and hours, by the programme's clocks, at which rules and campaigns run."""

from datetime import datetime
from typing import final
from zoneinfo import ZoneInfo


@final
class Schedule:
    """Local dates as ordinals, the first and the last, 0 for open; `weekdays` from 0 (Monday), empty for all; `hours`
    as (start, end) in minutes after midnight, empty for the whole day, end included never.

    Hours whose end is not after their start run over midnight and belong to the date and weekday on which they start.
    What counts is what the clocks on the wall show: hours that a change of clocks skips do not come that day, and those
    that it repeats come twice.
    """

    __slots__ = ("first_day", "hours", "last_day", "weekdays")

    def __init__(
        self, first_day: int, last_day: int, weekdays: frozenset[int], hours: tuple[tuple[int, int], ...]
    ) -> None:
        self.first_day = first_day
        self.last_day = last_day
        self.weekdays = weekdays
        self.hours = hours

    def holds(self, at_ms: int, zone: ZoneInfo) -> bool:
        """Whether the schedule runs at a time."""
        local = datetime.fromtimestamp(at_ms // 1000, zone)
        day = local.toordinal()
        weekday = local.weekday()
        if not self.hours:
            return self._on(day, weekday)
        minute = local.hour * 60 + local.minute
        for start, end in self.hours:
            if start < end:
                if start <= minute < end and self._on(day, weekday):
                    return True
            elif minute >= start:
                if self._on(day, weekday):
                    return True
            elif minute < end and self._on(day - 1, (weekday - 1) % 7):
                return True
        return False

    def _on(self, day: int, weekday: int) -> bool:
        """Whether the schedule runs on a date."""
        if day < self.first_day or 0 < self.last_day < day:
            return False
        return not self.weekdays or weekday in self.weekdays
