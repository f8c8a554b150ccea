"""Reads `transfers` of program.yaml: which points members can give each other, and how many."""

from typing import Final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.program import Unit
from pipeline.core.transfer_terms import TransferTerms
from pipeline.program.limits import LIMITS, read_limits
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Name, Whole

EXPIRIES: Final = ("kept", "renewed")
TRANSFER_KEYS: Final[Keys] = {
    "units": Key(Items(Name(), ITEMS_MAX), "The units whose points can be given.", required=True),
    "minimum": Key(Whole(1, POINTS_MAX), "Fewest points of one transfer.", default="1"),
    "expiry": Key(
        Choice(EXPIRIES),
        "`kept`: the points expire when they would have. `renewed`: as if the receiver had earned them then.",
        default="kept",
    ),
    "limit": Key(LIMITS, "How much one member can give; `points` are points, `count` is transfers."),
}
TRANSFERS: Final = Fields(TRANSFER_KEYS)


def read_transfers(report: Report, source: Source, settings: Section, units: dict[str, Unit]) -> TransferTerms | None:
    """The terms of transfers in a programme with these units; None where there are none."""
    section = settings.section("transfers", "transfers", TRANSFER_KEYS)
    if section is None or not section.readable or not section.require("units"):
        return None
    named = section.texts("units", "units")
    for scalar in named:
        if units and scalar.value not in units:
            reason = f"there is no unit `{shorten(scalar.value)}`"
            report.error(source, scalar.start, reason, closest(scalar.value, list(units)))
    minimum = section.integer("minimum", 1, POINTS_MAX) if "minimum" in section else 1
    renews = section.choice("expiry", EXPIRIES, EXPIRIES[0]) == "renewed"
    limits = read_limits(report, source, section.node("limit"), "transfers")
    return TransferTerms(tuple([scalar.value for scalar in named]), minimum or 1, renews, limits)
