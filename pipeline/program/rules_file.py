"""Reads rules.yaml and rules/*.yaml: each rule's structured part; its expressions are checked afterwards."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.program import Period, Rule, Unit
from pipeline.program.limits import LIMITS, read_limits
from pipeline.program.problems import Report, Source, shorten
from pipeline.program.rewards_file import read_unit
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.settings_file import expires
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
    ShortOrFields,
    Whole,
)
from pipeline.program.vocabulary import REWARDABLE
from pipeline.program.yaml_nodes import Mapping, Node, Scalar

RESERVED_IDS: Final = frozenset(
    {"adjust", "clawback", "expire", "hold", "points_paid", "points_returned", "redeem", "release", "void"}
)
"""Rule ids of the ledger's own entries."""

MODES: Final = ("live", "shadow")
BY: Final = ("rule", "any")

POINTS_KEYS: Final[Keys] = {
    "per": Key(Whole(1, POINTS_MAX), "For every so many of it ...", default="1"),
    "of": Key(Expression("int"), "A whole number in CEL to count by, such as event.amount_minor.", required=True),
    "rate": Key(Exact(), "... so many points, an exact decimal.", default="1"),
}
AWARD_KEYS: Final[Keys] = {
    "points": Key(
        ShortOrFields(Whole(1, POINTS_MAX), Fields(POINTS_KEYS)),
        "A fixed number of points, or points by a number of the event.",
        required=True,
    ),
    "unit": Key(Name(), "Which unit; the default one without it.", default=DEFAULT_UNIT),
    "pending": Key(Length(), "How long after the event the points become available; at once without it."),
    "expires": Key(Length(never=True), "How long after that they expire, or `never`; as the unit says without it."),
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


def read_rules(report: Report, source: Source, node: Node, units: dict[str, Unit]) -> list[RuleDraft]:
    """The rules of one file."""
    section = Section(report, source, node, source.name, FILE_KEYS)
    section.require("rules")
    drafts = (_rule(report, source, item, units) for item in section.items("rules", "rules"))
    return [draft for draft in drafts if draft is not None]


def _rule(report: Report, source: Source, node: Node, units: dict[str, Unit]) -> RuleDraft | None:
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
        )
    return RuleDraft(rule_id or "", event_type, rule, when, of, source, section)


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
    fixed, per, rate, of = 0, 1, (1, 1), None
    points = section.node("points")
    if isinstance(points, Mapping):
        scaled = section.section("points", f"points of {rule.what}", POINTS_KEYS)
        if scaled is None or not scaled.readable:
            return None, None
        complete = scaled.require("of") and complete
        of = scaled.scalar("of", "an expression such as event.amount_minor")
        read_per = scaled.integer("per", 1, POINTS_MAX) if "per" in scaled else 1
        read_rate = scaled.decimal("rate") if "rate" in scaled else (1, 1)
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
    return _Award(unit, fixed, per, rate, pending, expiry), of


def check_ids(drafts: list[RuleDraft]) -> None:
    """Refuses an id that two rules share."""
    seen: dict[str, RuleDraft] = {}
    for draft in drafts:
        other = seen.setdefault(draft.rule_id, draft)
        if draft.rule_id and other is not draft:
            line, _ = other.source.place(other.section.at("id"))
            reason = f"there are two rules `{draft.rule_id}`: the other is in {other.source.name}, line {line}"
            draft.section.refuse("id", reason, "give one of them another id")
