"""Numbers and lengths of time as programme files write them, read exactly."""

import re
from typing import Final

from pipeline.core.program import Period

DAY_MS: Final = 86_400_000

_UNITS_MS: Final = {
    "min": 60_000,
    "minute": 60_000,
    "minutes": 60_000,
    "h": 3_600_000,
    "hour": 3_600_000,
    "hours": 3_600_000,
    "d": DAY_MS,
    "day": DAY_MS,
    "days": DAY_MS,
    "w": 7 * DAY_MS,
    "week": 7 * DAY_MS,
    "weeks": 7 * DAY_MS,
}
_UNITS_MONTHS: Final = {"mo": 1, "month": 1, "months": 1, "y": 12, "year": 12, "years": 12}

_PERIOD: Final = re.compile(r"([0-9]{1,6}) ?([A-Za-z]+)")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,9}))?")

MAX_YEARS: Final = 100

PERIOD_EXAMPLES: Final = "write a number and a unit: 30d, 12h, 2w, 6mo, 1y (or: 30 days, 12 months)"


class BadQuantity(Exception):
    """What is wrong with the text, and the way out."""

    def __init__(self, reason: str, suggestion: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.suggestion = suggestion


def parse_integer(text: str) -> int:
    """A whole number of at most 18 digits; raises BadQuantity."""
    if not _INTEGER.fullmatch(text):
        plain = re.sub(r"[_, ]", "", text)
        suggestion = f"write {plain}" if _INTEGER.fullmatch(plain) else "write digits only, such as 2500"
        raise BadQuantity(f"`{text[:40]}` is not a whole number", suggestion)
    return int(text)


def parse_decimal(text: str) -> tuple[int, int]:
    """(numerator, power of ten) of an exact decimal of at most 9 + 9 digits; raises BadQuantity."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise BadQuantity(
            f"`{text[:40]}` is not an exact decimal",
            "write digits with at most nine after the point, such as 2 or 0.25",
        )
    fraction = (match[2] or "").rstrip("0")
    return int(match[1] + fraction), 10 ** len(fraction)


def parse_period(text: str) -> Period:
    """A length of time above zero and of at most 100 years; raises BadQuantity."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None:
        raise BadQuantity(f"`{text[:40]}` is not a length of time", PERIOD_EXAMPLES)
    number, unit = int(match[1]), match[2].lower()
    if unit == "m":
        raise BadQuantity(f"`{text[:40]}` could be minutes or months", f"write {number}min or {number}mo")
    if unit in _UNITS_MONTHS:
        period = Period(number * _UNITS_MONTHS[unit], 0)
    elif unit in _UNITS_MS:
        period = Period(0, number * _UNITS_MS[unit])
    else:
        raise BadQuantity(f"`{match[2][:20]}` is not a unit of time", PERIOD_EXAMPLES)
    if number == 0:
        raise BadQuantity("a length of time of zero has no effect", "leave the key out")
    if period.months > MAX_YEARS * 12 or period.ms > MAX_YEARS * 366 * DAY_MS:
        raise BadQuantity(
            f"`{text[:40]}` is longer than {MAX_YEARS} years", "write `never` where points must not expire"
        )
    return period
