"""What makes a referral count."""

from typing import final


@final
class ReferralTerms:
    """A referral counts when the referred member buys for at least `minimum_minor` in money within `within_ms` of
    joining by it (0: at any time); in the base currency where there is one."""

    __slots__ = ("minimum_minor", "within_ms")

    def __init__(self, minimum_minor: int, within_ms: int) -> None:
        self.minimum_minor = minimum_minor
        self.within_ms = within_ms
