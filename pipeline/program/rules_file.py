"""Reads rules.yaml and rules/*.yaml: each rule's structured part; its expressions are checked afterwards."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, final

from pipeline.core.accounts import ISSUED, funded_by
from pipeline.core.bounds import POINTS_MAX
from pipeline.core.campaigns import Campaign
from pipeline.core.program import Period, Rule, Unit
from pipeline.program.expiry_keys import AWARD_EXPIRES, expires
from pipeline.program.limits import LIMITS, read_limits
from pipeline.program.milestone_keys import ACHIEVEMENT, STREAK, read_milestone
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.rewards_file import read_unit
from pipeline.program.schedule_keys import DURING, read_schedule
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.shapes import (
    DEFAULT_UNIT,
    Choice,
    Exact,
    Expression,
    Fields,
    Flag,
    Items,
    Key,
    Keys,
    Length,
    Name,
    Named,
    ShortOrFields,
    Whole,
)
from pipeline.program.vocabulary import REWARDABLE
from pipeline.program.yaml_nodes import Mapping, Node, Scalar

RESERVED_IDS: Final = frozenset(
    {"adjust", "clawback", "expire", "hold", "points_paid", "points_returned", "redeem", "release", "void"}
)
"""Rule ids of the ledger's own entries."""

PRIORITY_MAX: Final = 1_000_000
MODES: Final = ("live", "shadow")
BY: Final = ("rule", "any")

POINTS_KEYS: Final[Keys] = {
    "per": Key(Whole(1, POINTS_MAX), "For every so many of it ...", default="1"),
    "of": Key(Expression("int"), "A whole number in CEL to count by, such as event.amount_minor.", required=True),
    "rate": Key(
        ShortOrFields(Exact(), Named(Exact())),
        "... so many points, an exact decimal; or one for each tier.",
        default="1",
    ),
}
AWARD_KEYS: Final[Keys] = {
    "points": Key(
        ShortOrFields(Whole(1, POINTS_MAX), Fields(POINTS_KEYS)),
        "A fixed number of points, or points by a number of the event.",
        required=True,
    ),
    "unit": Key(Name(), "Which unit; the default one without it.", default=DEFAULT_UNIT),
    "pending": Key(Length(), "How long after the event the points become available; at once without it."),
    "expires": Key(AWARD_EXPIRES, "How long after that they expire, or `never`; as the unit says without it."),
}
COOLDOWN_KEYS: Final[Keys] = {
    "window": Key(Length(months=False), "A length of time without months, for these differ in length.", required=True),
    "by": Key(Choice(BY), "Whose awards count: this rule's, or any rule's.", default="rule"),
}
KEYS: Final[Keys] = {
    "id": Key(Name(), "The rule's name, once in the programme.", required=True),
    "on": Key(Choice(REWARDABLE), "The event type.", required=True),
    "when": Key(Expression("bool"), "A condition in CEL; without it the rule holds for every event of its type."),
    "first_only": Key(Flag(), "Only the member's first event of this type ever.", default="false"),
    "unless_rewarded_within": Key(
        ShortOrFields(Length(months=False), Fields(COOLDOWN_KEYS), "window"),
        "Not if points were given within this time before the event.",
    ),
    "limit": Key(LIMITS, "How much one member can get."),
    "award": Key(Fields(AWARD_KEYS), "What the rule gives.", required=True),
    "tier_multiplies": Key(Flag(), "Multiply by the tier's `earn_percent`.", default="false"),
    "qualifies": Key(Flag(), "The points count for tiers.", default="false"),
    "mode": Key(Choice(MODES), "`shadow`: decided and recorded, but nothing is given.", default="live"),
    "priority": Key(
        Whole(-PRIORITY_MAX, PRIORITY_MAX), "Higher ones go first, then those with the lower id.", default="0"
    ),
    "group": Key(Name(), "An exclusive group of program.yaml: of its rules one gives."),
    "during": Key(DURING, "When the rule runs, in the programme's zone; always without it."),
    "campaign": Key(Name(), "The campaign of campaigns.yaml whose schedule and limits hold for the rule too."),
    "streak": Key(STREAK, "Gives only when events come in so many days or weeks in a row."),
    "achievement": Key(ACHIEVEMENT, "Gives only at the so-manieth event."),
    "funded_by": Key(Name(), "The partner of partners.yaml that pays for the points; the programme without it."),
}
FILE_KEYS: Final[Keys] = {
    "rules": Key(Items(Fields(KEYS), ITEMS_MAX, ordered=True, id_key="id"), "The rules.", required=True)
}
_NOW: Final = Period(0, 0)


@final
@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as far as it could be read: `rule` is None after a mistake, `when` and `of` where there is none."""

    rule_id: str
    event_type: str
    rule: Rule | None
    when: Scalar | None
    of: Scalar | None
    source: Source
    section: Section


@final
@dataclass(frozen=True, slots=True)
class _Award:
    unit: Unit
    fixed_points: int
    per: int
    rate: tuple[int, int]
    pending: Period
    expires: Period | None
    tier_rates: dict[str, tuple[int, int]] | None


def read_rules(
    report: Report, source: Source, node: Node, units: dict[str, Unit], campaigns: dict[str, Campaign] | None
) -> list[RuleDraft]:
    """The rules of one file, of a programme with these units and campaigns (None: they could not be read)."""
    section = Section(report, source, node, source.name, FILE_KEYS)
    section.require("rules")
    drafts = (_rule(report, source, item, units, campaigns) for item in section.items("rules", "rules"))
    return [draft for draft in drafts if draft is not None]


def _rule(
    report: Report, source: Source, node: Node, units: dict[str, Unit], campaigns: dict[str, Campaign] | None
) -> RuleDraft | None:
    section = Section(report, source, node, _title(node), KEYS)
    if not section.readable:
        return None
    complete = section.require("id", "on", "award")
    rule_id = section.identifier("id")
    if rule_id in RESERVED_IDS:
        section.refuse("id", f"`{rule_id}` is what the ledger calls entries of its own", "give the rule another id")
        rule_id = None
    event_type = section.choice("on", REWARDABLE, "")
    when = section.scalar("when", "a condition")
    first_only = section.flag("first_only")
    cooldown = _cooldown(section)
    limits = read_limits(report, source, section.node("limit"), section.what)
    multiplies, qualifies = section.flag("tier_multiplies"), section.flag("qualifies")
    live = section.choice("mode", MODES, "live") == "live"
    priority = section.integer("priority", -PRIORITY_MAX, PRIORITY_MAX) if "priority" in section else 0
    group = section.identifier("group") or ""
    schedule = read_schedule(report, source, section)
    campaign = _campaign(section, campaigns)
    milestone = read_milestone(section)
    funder = section.identifier("funded_by")
    award, of = _award(section, units)
    rule: Rule | None = None
    if complete and rule_id and event_type and award and cooldown is not None:
        rule = Rule(
            rule_id=rule_id,
            unit=award.unit,
            fixed_points=award.fixed_points,
            per=award.per,
            rate_numerator=award.rate[0],
            rate_denominator=award.rate[1],
            pending=award.pending,
            expires=award.expires,
            first_only=first_only,
            cooldown_ms=cooldown[0],
            cooldown_any=cooldown[1],
            limits=limits,
            tier_multiplies=multiplies,
            qualifies=qualifies,
            live=live,
            priority=priority or 0,
            group=group,
            schedule=schedule,
            campaign=campaign,
            milestone=milestone,
            tier_rates=award.tier_rates,
            issuer=ISSUED if funder is None else funded_by(funder),
        )
    return RuleDraft(rule_id or "", event_type, rule, when, of, source, section)


def _campaign(section: Section, campaigns: dict[str, Campaign] | None) -> Campaign | None:
    named = section.identifier("campaign")
    if named is None or campaigns is None:
        return None
    if named not in campaigns:
        advice = closest(named, campaigns) or "declare it in campaigns.yaml"
        section.refuse("campaign", f"there is no campaign `{named}`", advice)
    return campaigns.get(named)


def _title(node: Node) -> str:
    """How messages call the rule: by its id if it has one."""
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.value == "id" and isinstance(value, Scalar) and value.value:
                return f"rule `{shorten(value.value, 40)}`"
    return "a rule"


def _cooldown(section: Section) -> tuple[int, bool] | None:
    """(window in ms or 0, whether any rule's award counts); None after a mistake."""
    node = section.node("unless_rewarded_within")
    if node is None:
        return 0, False
    if not isinstance(node, Mapping):
        period, place, by_any = section.period("unless_rewarded_within"), section, False
        key = "unless_rewarded_within"
    else:
        inner = section.section("unless_rewarded_within", "unless_rewarded_within", COOLDOWN_KEYS)
        if inner is None or not inner.readable or not inner.require("window"):
            return None
        by_any = inner.choice("by", BY, "rule") == "any"
        period, place, key = inner.period("window"), inner, "window"
    if period is None:
        return None
    if period.months:
        place.refuse(
            key, "this window must have a fixed length, and months have not", f"write days: {period.months * 30}d"
        )
        return None
    return period.ms, by_any


def _award(rule: Section, units: dict[str, Unit]) -> tuple[_Award | None, Scalar | None]:
    """The award, None after a mistake, and its `of`."""
    section = rule.section("award", f"award of {rule.what}", AWARD_KEYS)
    if section is None or not section.readable:
        return None, None
    complete = section.require("points")
    unit = read_unit(section, units)
    pending = section.period("pending") if "pending" in section else _NOW
    expiry = expires(section)
    if unit is not None and unit.sliding and "expires" in section:
        reason = f"`expires` cannot be set here: all points of unit `{unit.unit_id}` expire together, with activity"
        section.refuse("expires", reason, "remove it, or give another unit")
    fixed, per, rate, of = 0, 1, (1, 1), None
    tier_rates: dict[str, tuple[int, int]] | None = None
    points = section.node("points")
    if isinstance(points, Mapping):
        scaled = section.section("points", f"points of {rule.what}", POINTS_KEYS)
        if scaled is None or not scaled.readable:
            return None, None
        complete = scaled.require("of") and complete
        of = scaled.scalar("of", "an expression such as event.amount_minor")
        read_per = scaled.integer("per", 1, POINTS_MAX) if "per" in scaled else 1
        tier_rates = _tier_rates(scaled)
        by_tier = isinstance(scaled.node("rate"), Mapping)
        read_rate = scaled.decimal("rate") if "rate" in scaled and not by_tier else (1, 1)
        if by_tier:
            read_rate = next(iter(tier_rates.values())) if tier_rates else None
        if read_per is None or read_rate is None or of is None:
            return None, of
        per, rate = read_per, read_rate
    elif points is not None:
        read_fixed = section.integer("points", 1, POINTS_MAX)
        if read_fixed is None:
            return None, None
        fixed = read_fixed
    if not complete or unit is None or pending is None or (expiry is None and "expires" in section):
        return None, of
    return _Award(unit, fixed, per, rate, pending, expiry, tier_rates), of


def _tier_rates(points: Section) -> dict[str, tuple[int, int]] | None:
    """Rates by tier where `rate` is a mapping, in the file's order; None where it is one number or wrong."""
    if not isinstance(points.node("rate"), Mapping):
        return None
    rates = points.section("rate", f"rate of {points.what}", None)
    names = [] if rates is None else rates.keys()
    if rates is None or not names:
        points.refuse("rate", "`rate` names no tier", "write one rate, or `tier: rate` for every tier")
        return None
    read = {tier: rates.decimal(tier) for tier in names}
    return {tier: rate for tier, rate in read.items() if rate is not None} or None


def check_tier_rates(drafts: list[RuleDraft], tiers: tuple[str, ...]) -> None:
    """Refuses rates by tier that do not name every tier, and no other, from the lowest up."""
    for draft in drafts:
        if draft.rule is None or draft.rule.tier_rates is None:
            continue
        named = tuple(draft.rule.tier_rates)
        if named != tiers:
            known = ", ".join(tiers) or "the programme has none"
            reason = f"`rate` of {draft.section.what} names the tiers {', '.join(named)}"
            draft.section.refuse("award", reason, f"name every tier, from the lowest up: {known}")


def check_funders(drafts: list[RuleDraft], partners: Collection[str]) -> None:
    """Refuses `funded_by` where it names no partner."""
    for draft in drafts:
        named = draft.section.identifier("funded_by") if "funded_by" in draft.section else None
        if named is not None and named not in partners:
            advice = closest(named, partners) or "declare it in partners.yaml"
            draft.section.refuse("funded_by", f"there is no partner `{named}`", advice)


def check_ids(drafts: list[RuleDraft]) -> None:
    """Refuses an id that two rules share."""
    seen: dict[str, RuleDraft] = {}
    for draft in drafts:
        other = seen.setdefault(draft.rule_id, draft)
        if draft.rule_id and other is not draft:
            line, _ = other.source.place(other.section.at("id"))
            reason = f"there are two rules `{draft.rule_id}`: the other is in {other.source.name}, line {line}"
            draft.section.refuse("id", reason, "give one of them another id")
