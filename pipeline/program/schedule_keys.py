"""Reads `during` of rules and campaigns: the dates, weekdays and hours at which they run."""

import re
from datetime import date
from typing import Final

from pipeline.core.schedules import Schedule
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import Section
from pipeline.program.shapes import DATE, Choice, Fields, Items, Key, Keys, OneOrMany, Text
from pipeline.program.yaml_nodes import Listing, Mapping, Scalar

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_HOURS: Final = 24
HOURS_PATTERN: Final = r"([01][0-9]|2[0-3]):([0-5][0-9]) ?- ?(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
KEYS: Final[Keys] = {
    "from": Key(DATE, "The first day."),
    "until": Key(DATE, "The last day."),
    "weekdays": Key(Items(Choice(WEEKDAYS), len(WEEKDAYS)), "Only on these days."),
    "hours": Key(
        OneOrMany(Text(HOURS_PATTERN, "17:00-19:00"), MAX_HOURS),
        "Only between these times of day; those that end before they start run over midnight.",
    ),
}
DURING: Final = Fields(KEYS)
_DATE: Final = re.compile(DATE.pattern)
_HOURS: Final = re.compile(HOURS_PATTERN)


def read_schedule(report: Report, source: Source, owner: Section) -> Schedule | None:
    """The schedule of a rule or campaign; None where the key is absent or wrong."""
    section = owner.section("during", f"during of {owner.what}", KEYS)
    if section is None:
        return None
    if not section.keys():
        if isinstance(node := owner.node("during"), Mapping) and not node.pairs:
            owner.refuse("during", "`during` says nothing", f"write one of {', '.join(KEYS)}, or leave it out")
        return None
    first, last = _day(section, "from"), _day(section, "until")
    if first and last and last < first:
        section.refuse("until", "`until` lies before `from`: it never runs", "`until` is the last day")
    weekdays: set[int] = set()
    for scalar in section.texts("weekdays", "weekdays"):
        if scalar.value in WEEKDAYS:
            weekdays.add(WEEKDAYS.index(scalar.value))
        else:
            reason = f"there is no weekday `{shorten(scalar.value)}`"
            report.error(source, scalar.start, reason, closest(scalar.value, WEEKDAYS))
    return Schedule(first, last, frozenset(weekdays), _hours(report, source, section))


def _day(section: Section, key: str) -> int:
    """Ordinal of a date, 0 where absent or wrong."""
    scalar = section.scalar(key, "a date such as 2026-12-31")
    if scalar is None:
        return 0
    reason = f"`{key}`: there is no date `{shorten(scalar.value)}`"
    if not _DATE.fullmatch(scalar.value):
        section.refuse(key, reason, "write a date such as 2026-12-31")
        return 0
    try:
        return date.fromisoformat(scalar.value).toordinal()
    except ValueError as error:
        section.refuse(key, reason, str(error))
        return 0


def _hours(report: Report, source: Source, section: Section) -> tuple[tuple[int, int], ...]:
    node = section.node("hours")
    if node is None:
        return ()
    found: list[tuple[int, int]] = []
    for item in section.items("hours", "hours", MAX_HOURS) if isinstance(node, Listing) else [node]:
        match = _HOURS.fullmatch(item.value) if isinstance(item, Scalar) else None
        if match is None:
            text = shorten(item.value) if isinstance(item, Scalar) else "this"
            advice = "write start and end, such as 17:00-19:00, or 22:00-02:00 over midnight"
            report.error(source, item.start, f"`{text}` is not a span of hours", advice)
            continue
        start = int(match[1]) * 60 + int(match[2])
        end = 24 * 60 if match[3] is None else int(match[3]) * 60 + int(match[4])
        if start == end:
            report.error(
                source, item.start, "hours from a time to the same time", "leave `hours` out for the whole day"
            )
        found.append((start, end))
    return tuple(found)
