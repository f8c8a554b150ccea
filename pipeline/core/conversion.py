"""Conversion of amounts to the programme's base currency, by rates that are dated program data; integers only."""

from bisect import bisect_right
from datetime import datetime
from typing import Final, final
from zoneinfo import ZoneInfo

from pipeline.core.rounding import rounded

EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217: decimals of a currency's minor unit where they are not 2."""

Rate = tuple[int, int, int]
"""(first local date as ordinal, numerator, denominator): one whole unit of a currency in whole units of the base."""


def exponent(currency: str) -> int:
    """Decimals of the currency's minor unit."""
    return EXPONENTS.get(currency, 2)


@final
class Conversion:
    """`rates` by currency, dates ascending; the base currency needs none. `rounding` is floor, ceiling, half_up or
    half_even, applied once."""

    __slots__ = ("_zone", "base", "rates", "rounding")

    def __init__(self, base: str, rounding: str, rates: dict[str, tuple[Rate, ...]], zone: ZoneInfo) -> None:
        self.base = base
        self.rounding = rounding
        self.rates = rates
        self._zone = zone

    def rate(self, currency: str, at_ms: int) -> Rate | None:
        """The rate in force on the local date of a time, or None before the first."""
        if currency == self.base:
            return (0, 1, 1)
        rates = self.rates.get(currency, ())
        day = datetime.fromtimestamp(at_ms // 1000, self._zone).toordinal()
        place = bisect_right(rates, day, key=first_day)
        return rates[place - 1] if place else None

    def base_minor(self, currency: str, amount_minor: int, at_ms: int) -> int:
        """A non-negative amount in minor units of the base currency, at the rate of the time it was paid; validation
        has seen to it that there is one."""
        if currency == self.base:
            return amount_minor
        rate = self.rate(currency, at_ms)
        assert rate is not None, f"no rate of {currency} at {at_ms}: the event is invalid"
        numerator = amount_minor * rate[1] * 10 ** exponent(self.base)
        denominator: int = rate[2] * 10 ** exponent(currency)
        return rounded(numerator, denominator, self.rounding)


def first_day(rate: Rate) -> int:
    """Rates of a currency ascend by this."""
    return rate[0]
