"""Reads `households` of program.yaml: which points members of a household can pool."""

from typing import Final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.household_terms import HouseholdTerms
from pipeline.core.program import Unit
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.shapes import Fields, Items, Key, Keys, Name, Whole

HOUSEHOLD_KEYS: Final[Keys] = {
    "units": Key(Items(Name(), ITEMS_MAX), "The units whose points can be pooled; none that slides.", required=True),
    "minimum": Key(Whole(1, POINTS_MAX), "Fewest points that are pooled at once.", default="1"),
}
HOUSEHOLDS: Final = Fields(HOUSEHOLD_KEYS)


def read_households(report: Report, source: Source, settings: Section, units: dict[str, Unit]) -> HouseholdTerms | None:
    """The terms of households in a programme with these units; None where there are none."""
    section = settings.section("households", "households", HOUSEHOLD_KEYS)
    if section is None or not section.readable or not section.require("units"):
        return None
    named = section.texts("units", "units")
    for scalar in named:
        unit = units.get(scalar.value)
        if units and unit is None:
            reason = f"there is no unit `{shorten(scalar.value)}`"
            report.error(source, scalar.start, reason, closest(scalar.value, list(units)))
        elif unit is not None and unit.sliding:
            reason = f"points of `{scalar.value}` slide with a member's activity, and a household has none"
            report.error(source, scalar.start, reason, "pool units whose points do not slide")
    minimum = section.integer("minimum", 1, POINTS_MAX) if "minimum" in section else 1
    return HouseholdTerms(tuple([scalar.value for scalar in named]), minimum or 1)
