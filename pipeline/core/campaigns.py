"""Limits as a programme states them, and campaigns, in which rules share them."""

from typing import final

from pipeline.core.calendar import Calendar, iso_utc
from pipeline.core.pool_ids import BUDGET
from pipeline.core.schedules import Schedule


@final
class Limit:
    """At most `points` points (or, if 0, `count` awards) per member in each calendar `every`: hour, day, week, month,
    year or ever; or within any `rolling_ms`, where `every` is such as `rolling:30d`."""

    __slots__ = ("count", "every", "points", "rolling_ms")

    def __init__(self, points: int, count: int, every: str, rolling_ms: int = 0) -> None:
        self.points = points
        self.count = count
        self.every = every
        self.rolling_ms = rolling_ms


def unique_windows(owner: str, limits: tuple[Limit, ...]) -> tuple[tuple[str, str], ...]:
    """(key in `Member.windows`, every) of the windows that an owner's limits look at: limits of the same `every` share
    one."""
    return tuple({f"{owner}/{limit.every}": limit.every for limit in limits if not limit.rolling_ms}.items())


def rolling_windows(owner: str, limits: tuple[Limit, ...]) -> tuple[tuple[str, int], ...]:
    """(key in `Member.rolling`, length in ms) of the rolling windows that an owner's limits look at."""
    return tuple({f"{owner}/{limit.every}": limit.rolling_ms for limit in limits if limit.rolling_ms}.items())


@final
class Budget:
    """All members together get at most `points` points (or, if 0, `awards` awards) in each calendar `every`."""

    __slots__ = ("awards", "every", "points")

    def __init__(self, points: int, awards: int, every: str = "ever") -> None:
        self.points = points
        self.awards = awards
        self.every = every

    def pool_id(self, campaign_id: str, calendar: Calendar, at_ms: int) -> str:
        """The pool that an award of that time is asked of: each window has its own."""
        if self.every == "ever":
            return f"{BUDGET}{campaign_id}"
        return f"{BUDGET}{campaign_id}/{iso_utc(calendar.window_start(self.every, at_ms))}"


@final
class Campaign:
    """What several rules share: when they run, limits on what they give one member together, and a budget for all
    members."""

    __slots__ = ("budget", "campaign_id", "limits", "schedule")

    def __init__(
        self,
        campaign_id: str,
        schedule: Schedule | None,
        limits: tuple[Limit, ...],
        budget: Budget | None = None,
    ) -> None:
        self.campaign_id = campaign_id
        self.schedule = schedule
        self.limits = limits
        self.budget = budget
