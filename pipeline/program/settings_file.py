"""Reads program.yaml: the programme's name, zone, enrolment, currencies, units and refund policy."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core.program import Period, Unit
from pipeline.program.currency_keys import ROUNDINGS, Currencies, read_currencies
from pipeline.program.expiry_keys import expires, read_sliding
from pipeline.program.problems import Report, Source, closest
from pipeline.program.sections import IDENTIFIER, Section, bad_name_advice
from pipeline.program.stacking_keys import Stacking, read_stacking
from pipeline.program.yaml_nodes import Node
from pipeline.program.zones import zone_names

CLAWBACKS: Final = ("only_pending", "within_balance", "unlimited")
ENROLMENTS: Final = ("required", "automatic")
NEVER: Final = Period(0, 0)

KEYS: Final = ("program", "zone", "enrolment", "currencies", "units", "refunds", "stacking", "conversion")


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """What program.yaml says. After mistakes some values are stand-ins; nothing is compiled then."""

    program_id: str
    zone: str
    enrolment: str
    currencies: Currencies
    units: dict[str, Unit]
    clawback: str
    stacking: Stacking


NO_SETTINGS: Final = Settings("", "UTC", ENROLMENTS[0], Currencies(), {}, "within_balance", Stacking())
"""Stands in for a program.yaml that cannot be read."""


def read_settings(report: Report, source: Source, node: Node) -> Settings:
    """The settings of a programme."""
    section = Section(report, source, node, "program.yaml", KEYS)
    section.require("program", "zone", "enrolment", "currencies", "units")
    refunds = section.section("refunds", "refunds", ("clawback",))
    units = _units(report, source, section)
    return Settings(
        program_id=section.identifier("program") or "",
        zone=_zone(section),
        enrolment=section.choice("enrolment", ENROLMENTS, ENROLMENTS[0]),
        currencies=read_currencies(report, source, section),
        units=units,
        clawback="within_balance" if refunds is None else refunds.choice("clawback", CLAWBACKS, CLAWBACKS[0]),
        stacking=read_stacking(section, units),
    )


def _zone(section: Section) -> str:
    scalar = section.scalar("zone", "a time zone such as Europe/Berlin")
    if scalar is None:
        return "UTC"
    if scalar.value in zone_names():
        return scalar.value
    advice = closest(scalar.value, sorted(zone_names()), 0.88)
    section.refuse(
        "zone",
        f"there is no time zone `{scalar.value[:40]}`",
        advice if advice.startswith("did") else "write an IANA name, such as Europe/Berlin or UTC",
    )
    return "UTC"


def _units(report: Report, source: Source, section: Section) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    listed = section.section("units", "units", None)
    if listed is None:
        return units
    if not listed.keys():
        section.refuse("units", "there is no unit", "write one, such as `points: {expires: 12mo}`")
    names = listed.keys()
    for name in names:
        if not IDENTIFIER.fullmatch(name):
            listed.refuse(name, f"`{name[:40]}` is not a name of a unit", bad_name_advice(name))
            continue
        unit = listed.section(name, f"unit `{name}`", ("expires", "rounding"))
        if unit is None:
            continue
        unit.require("expires")
        rounding = unit.choice("rounding", ROUNDINGS, "floor")
        units[name] = read_sliding(unit, name, rounding) or Unit(name, rounding, expires(unit) or NEVER)
    return units
