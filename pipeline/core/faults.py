"""What is wrong with single fields, as (reason, detail); the detail names field, value and remedy."""

from datetime import date
from typing import Final

from pipeline.core import reasons
from pipeline.core.bounds import TEXT_MAX
from pipeline.core.calendar import iso_utc

Fault = tuple[str, str]

SHOWN_MAX: Final = 80


def id_fault(field: str, value: str) -> Fault | None:
    """Ids and names: not empty, of at most `TEXT_MAX` printable characters."""
    if not value:
        return (reasons.MISSING_FIELD, f"{field} is empty; it is required")
    if len(value) > TEXT_MAX:
        return (reasons.MALFORMED, f"{field} has {len(value)} characters; send at most {TEXT_MAX}")
    if not value.isprintable():
        return (reasons.MALFORMED, f"{field} is {shown(value)}; send it without control characters")
    return None


def text_fault(field: str, value: str) -> Fault | None:
    """Free text that is required."""
    return None if value else (reasons.MISSING_FIELD, f"{field} is empty; it is required")


def range_fault(field: str, value: int, least: int, most: int) -> Fault | None:
    """Numbers from `least` to `most`."""
    if least <= value <= most:
        return None
    return (reasons.OUT_OF_RANGE, f"{field} is {value}; it must be from {least} to {most}")


def choice_fault(field: str, value: str, choices: tuple[str, ...]) -> Fault | None:
    """One of a few words."""
    if value in choices:
        return None
    return (reasons.MALFORMED, f"{field} is {shown(value)}; it must be one of {', '.join(choices)}")


def country_fault(country: str) -> Fault | None:
    """ISO 3166 alpha-2: two capital letters."""
    if len(country) == 2 and country.isascii() and country.isalpha() and country.isupper():
        return None
    return (
        reasons.MALFORMED,
        f"country is {shown(country)}; send an ISO 3166 alpha-2 code such as NL, or leave it empty",
    )


def date_fault(field: str, value: str) -> Fault | None:
    """ISO 8601 calendar dates."""
    if len(value) == 10 and value[4] == "-" and value[7] == "-" and value.isascii():
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return (
        reasons.MALFORMED,
        f"{field} is {shown(value)}; send an ISO 8601 date such as 1990-12-31, or leave it empty",
    )


def shown(value: str) -> str:
    """A text as it is quoted in details, cut where it is long."""
    return repr(value) if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]!r}..."


def at(at_ms: int) -> str:
    """A time as it is shown in details: ISO 8601 where a calendar has it, else in ms."""
    return iso_utc(at_ms) if 0 <= at_ms < 253_402_300_800_000 else f"{at_ms} ms"
