"""Streaks and achievements: rules that give only when the events they hold for have come often enough."""

from datetime import datetime
from typing import Final, final
from zoneinfo import ZoneInfo

Progress = tuple[int, int]
"""(events of an achievement or periods of a streak so far, number of the streak's latest period or 0)."""

NO_PROGRESS: Final[Progress] = (0, 0)

MILESTONE_LABELS: Final = ("streak:", "achievement:", "achieved")
"""How what `Milestone.label` gives begins."""


@final
class Milestone:
    """When a rule gives.

    `every` empty: once, at the `length`-th event it holds for. `every` day or week: when events came in `length` local
    days or weeks in a row, between which at most `grace` may be missing; at each multiple of `length` where it
    `repeats`, else once in each unbroken row.
    """

    __slots__ = ("every", "grace", "length", "repeats")

    def __init__(self, every: str, length: int, grace: int, repeats: bool) -> None:
        self.every = every
        self.length = length
        self.grace = grace
        self.repeats = repeats

    def advanced(self, progress: Progress, at_ms: int, zone: ZoneInfo) -> tuple[Progress, bool]:
        """(progress with an event at `at_ms`, whether the rule gives at it). A late event neither continues nor breaks
        a streak."""
        count, latest = progress
        if not self.every:
            if count > self.length:
                return progress, False
            count = min(count + 1, self.length)
            return (count, 0), count == self.length
        period = period_of(self.every, at_ms, zone)
        if period <= latest:
            return progress, False
        count = count + 1 if latest and period - latest <= 1 + self.grace else 1
        gives = count % self.length == 0 if self.repeats else count == self.length
        return (count, period), gives

    def after(self, progress: Progress, gave: bool) -> Progress:
        """The progress once the rule has given, or has not: an achievement waits for the event at which it can."""
        return (self.length + 1, 0) if gave and not self.every else progress

    def label(self, progress: Progress) -> str:
        """How a decision says how far the member is, such as `streak:3/7`, or `achieved` where it gave before."""
        count = progress[0]
        if self.every:
            return f"streak:{count}/{self.length}"
        return "achieved" if count > self.length else f"achievement:{count}/{self.length}"


def period_of(every: str, at_ms: int, zone: ZoneInfo) -> int:
    """Number of the local day, or of the week from Monday, since the year 1; a later one is greater."""
    day = datetime.fromtimestamp(at_ms // 1000, zone).toordinal()
    return day if every == "day" else (day + 6) // 7
