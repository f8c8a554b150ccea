"""Reads program.yaml: the programme's name, zone, enrolment, currencies, units and refund policy."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core.program import Period, Unit
from pipeline.program.problems import Report, Source, closest
from pipeline.program.sections import IDENTIFIER, ITEMS_MAX, Section, bad_name_advice
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Length, Name, Named, Text
from pipeline.program.yaml_nodes import Node, Scalar
from pipeline.program.zones import zone_names

ROUNDINGS: Final = ("floor", "ceiling", "half_up", "half_even")
CLAWBACKS: Final = ("only_pending", "within_balance", "unlimited")
POINTS_PAID: Final = ("returned", "kept")
ENROLMENTS: Final = ("required", "automatic")
NEVER: Final = Period(0, 0)

UNIT_KEYS: Final[Keys] = {
    "expires": Key(Length(never=True), "How long points live once they are available, or `never`.", required=True),
    "rounding": Key(Choice(ROUNDINGS), "How an award's fraction of a point is rounded, once.", default="floor"),
}
REFUNDS_KEYS: Final[Keys] = {
    "clawback": Key(
        Choice(CLAWBACKS),
        "What a refund takes back of the points that its order earned: pending ones, available ones too as far as they "
        "go, or all.",
        default="within_balance",
    ),
    "points_paid": Key(
        Choice(POINTS_PAID),
        "Whether a refund gives back, with their expiry, the points that its part of the order was paid with.",
        default="returned",
    ),
}
KEYS: Final[Keys] = {
    "program": Key(Name(), "The programme's name.", required=True),
    "zone": Key(
        Text("[A-Za-z0-9_+/-]+", "Europe/Berlin"),
        "IANA time zone in which days, weeks, months and years of limits and tiers begin.",
        required=True,
    ),
    "enrolment": Key(
        Choice(ENROLMENTS),
        "`required`: only who has enrolled earns and redeems. `automatic`: the first event that can give enrols.",
        required=True,
    ),
    "currencies": Key(
        Items(Text("[A-Z]{3}", "USD"), ITEMS_MAX), "Codes of the currencies that amounts may be in.", required=True
    ),
    "units": Key(
        Named(Fields(UNIT_KEYS), first_matters=True),
        "Units of points by name; the first is the default.",
        required=True,
    ),
    "refunds": Key(Fields(REFUNDS_KEYS), "What refunds do.", default="{}"),
}


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """What program.yaml says. After mistakes some values are stand-ins; nothing is compiled then."""

    program_id: str
    zone: str
    enrolment: str
    currencies: tuple[str, ...]
    units: dict[str, Unit]
    clawback: str
    returns_points: bool = True


NO_SETTINGS: Final = Settings("", "UTC", ENROLMENTS[0], (), {}, "within_balance")
"""Stands in for a program.yaml that cannot be read."""


def read_settings(report: Report, source: Source, node: Node) -> Settings:
    """The settings of a programme."""
    section = Section(report, source, node, "program.yaml", KEYS)
    section.require("program", "zone", "enrolment", "currencies", "units")
    refunds = section.section("refunds", "refunds", REFUNDS_KEYS)
    return Settings(
        program_id=section.identifier("program") or "",
        zone=_zone(section),
        enrolment=section.choice("enrolment", ENROLMENTS, ENROLMENTS[0]),
        currencies=_currencies(report, source, section),
        units=_units(report, source, section),
        clawback="within_balance" if refunds is None else refunds.choice("clawback", CLAWBACKS, "within_balance"),
        returns_points=refunds is None or refunds.choice("points_paid", POINTS_PAID, "returned") == "returned",
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


def _currencies(report: Report, source: Source, section: Section) -> tuple[str, ...]:
    found: list[str] = []
    for scalar in section.texts("currencies", "currency codes"):
        if len(scalar.value) == 3 and scalar.value.isascii() and scalar.value.isupper() and scalar.value.isalpha():
            found.append(scalar.value)
        else:
            report.error(
                source,
                scalar.start,
                f"`{scalar.value[:20]}` is not a currency code",
                "write three capital letters, such as USD",
            )
    return tuple(found)


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
        unit = listed.section(name, f"unit `{name}`", UNIT_KEYS)
        if unit is None:
            continue
        unit.require("expires")
        units[name] = Unit(name, unit.choice("rounding", ROUNDINGS, "floor"), expires(unit) or NEVER)
    return units


def expires(section: Section) -> Period | None:
    """Value of `expires`: a length of time, or `never`; None where absent or wrong."""
    node = section.node("expires")
    if isinstance(node, Scalar) and node.value == "never":
        return NEVER
    return section.period("expires")
