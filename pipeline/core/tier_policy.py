"""The tiers of a programme, and how they are reached, kept and lost."""

from typing import Final, final


@final
class Tier:
    """A tier, reached with `threshold` qualifying points; awards are multiplied by `earn_percent` / 100."""

    __slots__ = ("earn_percent", "threshold", "tier_id")

    def __init__(self, tier_id: str, threshold: int, earn_percent: int) -> None:
        self.tier_id = tier_id
        self.threshold = threshold
        self.earn_percent = earn_percent


CALENDAR_YEAR: Final = "calendar_year"
MEMBERSHIP_YEAR: Final = "membership_year"
ROLLING_MONTHS: Final = "rolling_months"
PERIODS: Final = (CALENDAR_YEAR, MEMBERSHIP_YEAR, ROLLING_MONTHS)


@final
class TierPolicy:
    """How a tier is reached, kept and lost.

    Points count by `period`, one of PERIODS; of rolling months those of the month under way and the `months` before it
    count together. A tier is reached at once or, with `next_period`, when the next period begins. It is kept for the
    rest of the period (of rolling months: the month) that reached it, and `keep` more.

    At its review a member who no longer qualifies goes `one_down`, or to what they qualify for. The review comes
    `grace_ms` after that, and what was earned by then counts too. `recompute`: a refund that takes the points
    which qualified takes the tier; else it stays until its review. Where there is a `spend_currency`, minor units
    of it paid with money qualify instead of points. Derived: `by_month`, whether months are counted; `calendar_years`.
    """

    __slots__ = (
        "by_month",
        "calendar_years",
        "grace_ms",
        "keep",
        "months",
        "next_period",
        "one_down",
        "period",
        "recompute",
        "spend_currency",
    )

    def __init__(
        self,
        one_down: bool = False,
        grace_ms: int = 0,
        recompute: bool = False,
        spend_currency: str = "",
        period: str = CALENDAR_YEAR,
        months: int = 0,
        keep: int = 1,
        next_period: bool = False,
    ) -> None:
        self.spend_currency = spend_currency
        self.one_down = one_down
        self.grace_ms = grace_ms
        self.recompute = recompute
        self.period = period
        self.months = months
        self.keep = keep
        self.next_period = next_period
        self.by_month = period == ROLLING_MONTHS
        self.calendar_years = period == CALENDAR_YEAR


TIERS_AS_QUALIFIED: Final = TierPolicy()
