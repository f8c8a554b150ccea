"""Reads program.yaml: the programme's name, zone, enrolment, currencies, units and refund policy."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core.household_terms import HouseholdTerms
from pipeline.core.program import Period, Unit
from pipeline.core.referral_terms import ReferralTerms
from pipeline.core.transfer_terms import TransferTerms
from pipeline.program.currency_keys import CONVERSION, CURRENCIES, ROUNDINGS, Currencies, read_currencies
from pipeline.program.expiry_keys import UNIT_EXPIRES, expires, read_sliding
from pipeline.program.household_keys import HOUSEHOLDS, read_households
from pipeline.program.problems import Report, Source, closest
from pipeline.program.referral_keys import REFERRALS, read_referrals
from pipeline.program.sections import IDENTIFIER, Section, bad_name_advice
from pipeline.program.shapes import Choice, Fields, Key, Keys, Name, Named, Text
from pipeline.program.stacking_keys import STACKING, Stacking, read_stacking
from pipeline.program.transfer_keys import TRANSFERS, read_transfers
from pipeline.program.yaml_nodes import Node
from pipeline.program.zones import zone_names

CLAWBACKS: Final = ("only_pending", "within_balance", "unlimited")
POINTS_PAID: Final = ("returned", "kept")
ENROLMENTS: Final = ("required", "automatic")
NEVER: Final = Period(0, 0)

UNIT_KEYS: Final[Keys] = {
    "expires": Key(UNIT_EXPIRES, "How long points live once they are available, or `never`.", required=True),
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
        CURRENCIES,
        "Codes of the currencies that amounts may be in; or, by code, what it is worth in the base currency from a "
        "date on.",
        required=True,
    ),
    "units": Key(
        Named(Fields(UNIT_KEYS), first_matters=True),
        "Units of points by name; the first is the default.",
        required=True,
    ),
    "refunds": Key(Fields(REFUNDS_KEYS), "What refunds do.", default="{}"),
    "stacking": Key(STACKING, "What rules that hold for one event give together."),
    "referrals": Key(REFERRALS, "What makes a referral count, for rules on `referral_qualified`."),
    "transfers": Key(TRANSFERS, "Which points members can give each other; none without it."),
    "households": Key(HOUSEHOLDS, "Which points members of a household can pool; none without it."),
    "conversion": Key(CONVERSION, "Amounts in a base currency, which conditions read as event.amount_base_minor."),
}


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
    returns_points: bool = True
    transfers: TransferTerms | None = None
    households: HouseholdTerms | None = None
    referrals: ReferralTerms | None = None


NO_SETTINGS: Final = Settings("", "UTC", ENROLMENTS[0], Currencies(), {}, "within_balance", Stacking())
"""Stands in for a program.yaml that cannot be read."""


def read_settings(report: Report, source: Source, node: Node) -> Settings:
    """The settings of a programme."""
    section = Section(report, source, node, "program.yaml", KEYS)
    section.require("program", "zone", "enrolment", "currencies", "units")
    refunds = section.section("refunds", "refunds", REFUNDS_KEYS)
    units = _units(report, source, section)
    return Settings(
        program_id=section.identifier("program") or "",
        zone=_zone(section),
        enrolment=section.choice("enrolment", ENROLMENTS, ENROLMENTS[0]),
        currencies=read_currencies(report, source, section),
        units=units,
        clawback="within_balance" if refunds is None else refunds.choice("clawback", CLAWBACKS, "within_balance"),
        returns_points=refunds is None or refunds.choice("points_paid", POINTS_PAID, "returned") == "returned",
        stacking=read_stacking(section, units),
        transfers=read_transfers(report, source, section, units),
        households=read_households(report, source, section, units),
        referrals=read_referrals(section),
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
        unit = listed.section(name, f"unit `{name}`", UNIT_KEYS)
        if unit is None:
            continue
        unit.require("expires")
        rounding = unit.choice("rounding", ROUNDINGS, "floor")
        units[name] = read_sliding(unit, name, rounding) or Unit(name, rounding, expires(unit) or NEVER)
    return units
