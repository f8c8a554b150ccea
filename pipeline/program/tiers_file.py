"""Reads tiers.yaml: the tiers in ascending order and the unit that qualifies for them."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.tier_policy import (
    CALENDAR_YEAR,
    PERIODS,
    ROLLING_MONTHS,
    TIERS_AS_QUALIFIED,
    Tier,
    TierPolicy,
)
from pipeline.program.problems import Report, Source, closest
from pipeline.program.sections import Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Items, Key, Keys, Length, Name, Text, Whole
from pipeline.program.yaml_nodes import Node

MAX_EARN_PERCENT: Final = 10_000
MAX_TIERS: Final = 50
MAX_GRACE_MS: Final = 90 * 86_400_000
MAX_MONTHS: Final = 36
MAX_KEEP_YEARS: Final = 10

BY: Final = ("points", "spend")
DOWNGRADES: Final = ("balance_based", "one_down")
ON_REFUNDS: Final = ("keep", "recompute")
UPGRADES: Final = ("at_once", "next_period")

KEYS: Final[Keys] = {
    "id": Key(Name(), "The tier's name.", required=True),
    "threshold": Key(
        Whole(0, POINTS_MAX),
        "So many qualifying points in a period reach it; the first tier has 0.",
        required=True,
    ),
    "earn_percent": Key(
        Whole(1, MAX_EARN_PERCENT), "What rules with `tier_multiplies: true` give in it, in percent.", default="100"
    ),
}
QUALIFICATION_KEYS: Final[Keys] = {
    "by": Key(Choice(BY), "What counts: points that rules gave, or money spent on purchases.", default="points"),
    "unit": Key(Name(), "The unit whose points count; the default one without it.", default=DEFAULT_UNIT),
    "currency": Key(Text("[A-Z]{3}", "USD"), "The currency in which spending counts, in minor units."),
    "period": Key(
        Choice(PERIODS),
        "What counts together: a calendar year, a year from the day of enrolment, or the month under way and some "
        "before it.",
        default=CALENDAR_YEAR,
    ),
    "months": Key(Whole(1, MAX_MONTHS), "Of `rolling_months`, how many before the one under way count with it."),
}
FILE_KEYS: Final[Keys] = {
    "qualification": Key(Fields(QUALIFICATION_KEYS), "What counts for tiers.", default="{}"),
    "tiers": Key(
        Items(Fields(KEYS), MAX_TIERS, ordered=True, id_key="id"), "The tiers, thresholds going up.", required=True
    ),
    "upgrade": Key(
        Choice(UPGRADES),
        "Whether a tier is entered as soon as it is reached, or when the next period begins.",
        default="at_once",
    ),
    "keep": Key(
        Whole(1, MAX_MONTHS),
        "How many periods (years; of `rolling_months` months) a tier is kept after the one that reached it.",
        default="1",
    ),
    "downgrade": Key(
        Choice(DOWNGRADES),
        "When a tier's time is over: what the year that ended qualifies for, or one tier down at most.",
        default="balance_based",
    ),
    "grace": Key(
        Length(months=False), "How long after a tier's time what is earned can still keep it; at most 90 days."
    ),
    "on_refund": Key(
        Choice(ON_REFUNDS),
        "Whether a refund that undoes the qualification undoes the tier at once, or at its review.",
        default="keep",
    ),
}


@final
@dataclass(frozen=True, slots=True)
class Tiers:
    """What tiers.yaml says. `qualification_unit` is empty for the default unit.

    `starts` holds the character index at which each tier stands, `ids` every tier's name, of one with mistakes too.
    """

    tiers: tuple[Tier, ...]
    qualification_unit: str
    starts: tuple[int, ...]
    ids: tuple[str, ...]
    policy: TierPolicy = TIERS_AS_QUALIFIED


NO_TIERS: Final = Tiers((), "", (), ())
"""A programme without tiers."""


def read_tiers(
    report: Report, source: Source, node: Node, units: tuple[str, ...], currencies: tuple[str, ...]
) -> Tiers:
    """The tiers of a programme whose units are given, the default first, and whose currencies."""
    section = Section(report, source, node, "tiers.yaml", FILE_KEYS)
    section.require("tiers")
    unit = ""
    qualification = section.section("qualification", "qualification", QUALIFICATION_KEYS)
    if qualification is not None:
        unit = qualification.identifier("unit") or ""
        if unit and units and unit not in units:
            qualification.refuse("unit", f"there is no unit `{unit}`", closest(unit, units))
            unit = ""
    currency = "" if qualification is None else _spend_currency(qualification, currencies)
    tiers: list[Tier] = []
    starts: list[int] = []
    ids: list[str] = []
    for index, item in enumerate(section.items("tiers", "tiers", MAX_TIERS)):
        tier = _tier(report, source, item, tiers, ids, first=index == 0)
        if tier is not None:
            tiers.append(tier)
            starts.append(item.start)
    period, months = _period(qualification)
    return Tiers(tuple(tiers), unit, tuple(starts), tuple(ids), _policy(section, currency, period, months))


def _period(qualification: Section | None) -> tuple[str, int]:
    """(what counts together, how many months before the one under way), after a mistake stand-ins."""
    if qualification is None:
        return CALENDAR_YEAR, 0
    period = qualification.choice("period", PERIODS, CALENDAR_YEAR)
    if period == ROLLING_MONTHS:
        qualification.require("months")
        return period, qualification.integer("months", 1, MAX_MONTHS) or 1
    if "months" in qualification:
        advice = f"add `period: {ROLLING_MONTHS}`"
        qualification.refuse("months", f"`months` has no effect where a {period} counts", advice)
    return period, 0


def _spend_currency(qualification: Section, currencies: tuple[str, ...]) -> str:
    """The currency in which spending qualifies, after a mistake a stand-in; "" where points do."""
    if qualification.choice("by", BY, BY[0]) == "points":
        if "currency" in qualification:
            qualification.refuse("currency", "`currency` has no effect where points qualify", "add `by: spend`")
        return ""
    if "unit" in qualification:
        qualification.warn("unit", "`unit` has no effect where spending qualifies", "remove it")
    scalar = qualification.scalar("currency", "a currency of program.yaml")
    if scalar is None:
        qualification.require("currency")
        return currencies[0] if currencies else "XXX"
    if currencies and scalar.value not in currencies:
        advice = closest(scalar.value, currencies)
        qualification.refuse("currency", f"the programme has no currency `{scalar.value[:20]}`", advice)
    return scalar.value


def _policy(section: Section, spend_currency: str, period: str, months: int) -> TierPolicy:
    most = MAX_MONTHS if months else MAX_KEEP_YEARS
    keep = section.integer("keep", 1, most) if "keep" in section else 1
    grace = section.period("grace")
    if grace is not None and (grace.months or grace.ms > MAX_GRACE_MS):
        section.refuse("grace", "`grace` must be a fixed length of at most 90 days", "write days, such as 30d")
        grace = None
    return TierPolicy(
        section.choice("downgrade", DOWNGRADES, DOWNGRADES[0]) == "one_down",
        0 if grace is None else grace.ms,
        section.choice("on_refund", ON_REFUNDS, ON_REFUNDS[0]) == "recompute",
        spend_currency,
        period,
        months,
        keep or 1,
        section.choice("upgrade", UPGRADES, UPGRADES[0]) == "next_period",
    )


def _tier(report: Report, source: Source, node: Node, lower: list[Tier], ids: list[str], *, first: bool) -> Tier | None:
    section = Section(report, source, node, "a tier", KEYS)
    if not section.readable or not section.require("id", "threshold"):
        return None
    tier_id = section.identifier("id")
    threshold = section.integer("threshold", 0, POINTS_MAX)
    percent = section.integer("earn_percent", 1, MAX_EARN_PERCENT) if "earn_percent" in section else 100
    if tier_id in ids:
        section.refuse("id", f"there are two tiers `{tier_id}`", "give one of them another id")
        return None
    if tier_id is not None:
        ids.append(tier_id)
    if tier_id is None or threshold is None:
        return None
    if first and threshold != 0:
        reason = f"the first tier `{tier_id}` must have threshold 0, not {threshold}"
        section.refuse("threshold", reason, "every member has a tier")
    above = max(lower, key=lambda tier: tier.threshold, default=None)
    if above is not None and threshold <= above.threshold:
        relation = "equal to" if threshold == above.threshold else "below"
        reason = f"tier `{tier_id}` can never be reached: its threshold {threshold} is {relation} "
        reason += f"that of `{above.tier_id}`, {above.threshold}"
        section.refuse("threshold", reason, "list tiers with thresholds going up")
    # A tier whose percentage is wrong still takes part in the comparison of thresholds.
    return Tier(tier_id, threshold, percent or 100)
