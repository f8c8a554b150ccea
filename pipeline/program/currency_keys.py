"""Reads `currencies` and `conversion` of program.yaml: which currencies there are, and what they are worth when."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final, final

from pipeline.core.conversion import Rate
from pipeline.program.problems import Report, Source, closest
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.shapes import CURRENCY, DATE, Choice, Exact, Fields, Items, Key, Keys, Named, ShortOrFields
from pipeline.program.yaml_nodes import Mapping

ROUNDINGS: Final = ("floor", "ceiling", "half_up", "half_even")
RATES: Final = Named(Exact(), names=DATE, may_be_empty=True)
"""What one whole unit of a currency is worth in the base currency, from each date on."""
CURRENCIES: Final = ShortOrFields(Items(CURRENCY, ITEMS_MAX), Named(RATES, names=CURRENCY))
CONVERSION_KEYS: Final[Keys] = {
    "base": Key(CURRENCY, "The currency that amounts are converted to.", required=True),
    "rounding": Key(Choice(ROUNDINGS), "How a converted amount is rounded, once.", default="half_even"),
}
CONVERSION: Final = Fields(CONVERSION_KEYS)
_DATE: Final = re.compile(DATE.pattern)


@final
@dataclass(frozen=True, slots=True)
class Currencies:
    """`codes` in the file's order. `base` is empty where amounts are not converted."""

    codes: tuple[str, ...] = ()
    base: str = ""
    rounding: str = "half_even"
    rates: dict[str, tuple[Rate, ...]] = field(default_factory=dict)


def read_currencies(report: Report, source: Source, settings: Section) -> Currencies:
    """A list of codes; or a mapping of code to dated rates, with `conversion` beside it."""
    conversion = settings.section("conversion", "conversion", CONVERSION_KEYS)
    if not isinstance(settings.node("currencies"), Mapping):
        if conversion is not None:
            settings.refuse(
                "conversion", "`conversion` needs rates", "write `currencies: {EUR: {}, USD: {2026-01-01: 0.92}}`"
            )
        scalars = settings.texts("currencies", "currency codes")
        for scalar in scalars:
            if not is_code(scalar.value):
                report.error(source, scalar.start, *not_a_code(scalar.value))
        return Currencies(tuple(scalar.value for scalar in scalars if is_code(scalar.value)))
    listed = settings.section("currencies", "currencies", None)
    assert listed is not None
    if not settings.require("conversion") or conversion is None or not conversion.require("base"):
        return Currencies(tuple(code for code in listed.keys() if is_code(code)))  # noqa: SIM118 - no mapping
    base = conversion.scalar("base", "a currency code")
    if base is not None and base.value not in listed:
        conversion.refuse(
            "base", f"`{base.value[:20]}` is not among the currencies", closest(base.value, listed.keys())
        )
    rates: dict[str, tuple[Rate, ...]] = {}
    for code in listed.keys():  # noqa: SIM118 - no mapping
        if not is_code(code):
            listed.refuse(code, *not_a_code(code))
            continue
        rates[code] = _rates(listed, code, is_base=base is not None and code == base.value)
    rounding = conversion.choice("rounding", ROUNDINGS, "half_even")
    return Currencies(tuple(rates), "" if base is None else base.value, rounding, rates)


def _rates(listed: Section, code: str, *, is_base: bool) -> tuple[Rate, ...]:
    """The dated rates of one currency, by date."""
    section = listed.section(code, f"rates of {code}", None)
    dates = [] if section is None else section.keys()
    if is_base and dates:
        listed.refuse(code, f"{code} is the base and has no rate", f"write `{code}: {{}}`")
    if not is_base and not dates:
        listed.refuse(
            code, f"{code} has no rate", f"write what one {code} is worth from a day on: {{2026-01-01: 0.92}}"
        )
    rates: list[Rate] = []
    for text in dates:
        assert section is not None
        rate = section.decimal(text)
        day = _day(section, text)
        if rate is not None and day:
            rates.append((day, rate[0], rate[1]))
    return tuple(sorted(rates))


def _day(section: Section, text: str) -> int:
    reason = f"there is no date `{text[:20]}`"
    if not _DATE.fullmatch(text):
        section.refuse(text, reason, "write the first day of a rate, such as 2026-12-31")
        return 0
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError as error:
        section.refuse(text, reason, str(error))
        return 0


def is_code(text: str) -> bool:
    """Whether a text looks like an ISO 4217 code."""
    return len(text) == 3 and text.isascii() and text.isupper() and text.isalpha()


def not_a_code(text: str) -> tuple[str, str]:
    """Reason and remedy."""
    return f"`{text[:20]}` is not a currency code", "write three capital letters, such as USD"
