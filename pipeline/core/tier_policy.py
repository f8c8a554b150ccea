"""The tiers of a programme, and how they are kept and lost."""

from typing import Final, final


@final
class Tier:
    """A tier, reached with `threshold` qualifying points; awards are multiplied by `earn_percent` / 100."""

    __slots__ = ("earn_percent", "threshold", "tier_id")

    def __init__(self, tier_id: str, threshold: int, earn_percent: int) -> None:
        self.tier_id = tier_id
        self.threshold = threshold
        self.earn_percent = earn_percent


@final
class TierPolicy:
    """How a tier is kept and lost.

    At its review a member who no longer qualifies goes `one_down`, or to what they qualify for. The review comes
    `grace_ms` after the year's end, and what was earned by then counts too. `recompute`: a refund that takes the points
    which qualified takes the tier; else it stays until its review. Where there is a `spend_currency`, minor units
    of it paid with money qualify instead of points.
    """

    __slots__ = ("grace_ms", "one_down", "recompute", "spend_currency")

    def __init__(
        self, one_down: bool = False, grace_ms: int = 0, recompute: bool = False, spend_currency: str = ""
    ) -> None:
        self.spend_currency = spend_currency
        self.one_down = one_down
        self.grace_ms = grace_ms
        self.recompute = recompute


TIERS_AS_QUALIFIED: Final = TierPolicy()
