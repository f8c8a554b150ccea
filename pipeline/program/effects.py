"""Finds what is well-formed and cannot work: tiers nobody reaches, rules that never hold, keys without effect."""

from collections.abc import Iterator
from typing import Final, final

from pipeline.core.campaigns import Campaign
from pipeline.program import files
from pipeline.program.cel_runtime import INT_MAX, INT_MIN
from pipeline.program.cel_tree import Tree
from pipeline.program.problems import Report, Source
from pipeline.program.rules_file import RuleDraft
from pipeline.program.sections import Section
from pipeline.program.spans import Span
from pipeline.program.tiers_file import Tiers
from pipeline.program.yaml_nodes import Node

_MIRRORED: Final = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}


def warn_of_budgets(
    report: Report, source: Source, node: Node, campaigns: dict[str, Campaign], drafts: list[RuleDraft]
) -> None:
    """Budgets of campaigns that no rule names: nobody ever gets anything of them."""
    rules = [draft.rule for draft in drafts if draft.rule is not None]
    used = {rule.campaign.campaign_id for rule in rules if rule.campaign is not None}
    section = Section(Report(), source, node, files.CAMPAIGNS, None)  # its mistakes have been told
    for item in section.items("campaigns", "campaigns"):
        named = Section(Report(), source, item, "a campaign", None).scalar("id", "a name")
        campaign = None if named is None else campaigns.get(named.value)
        if named is not None and campaign is not None and campaign.budget is not None and named.value not in used:
            reason = f"nothing is given of the budget of campaign `{named.value}`: no rule names it"
            report.warning(source, named.start, reason, f"write `campaign: {named.value}` in its rules, or remove it")


def check_program(
    report: Report, tiers: Tiers, drafts: list[RuleDraft], default_unit: str, tiers_file: tuple[Source, Node] | None
) -> None:
    """What only shows when rules and tiers are seen together."""
    unit = tiers.qualification_unit or default_unit
    rules = [draft.rule for draft in drafts if draft.rule is not None]
    qualifying = any(rule.qualifies and rule.live and rule.unit.unit_id == unit for rule in rules)
    by_spend = bool(tiers.policy.spend_currency)
    if not report.refuses("rules") and not qualifying and not by_spend and tiers_file is not None:
        for tier, start in zip(tiers.tiers, tiers.starts, strict=True):
            if tier.threshold > 0:
                reason = f"tier `{tier.tier_id}` can never be reached: no live rule qualifies in unit `{unit}`"
                report.error(tiers_file[0], start, reason, "add `qualifies: true` to the rules that count for tiers")
                break
    multiplied = any(tier.earn_percent != 100 for tier in tiers.tiers)
    for draft in drafts:
        rule = draft.rule
        if rule is None:
            continue
        if rule.qualifies and by_spend:
            draft.section.warn("qualifies", "`qualifies` has no effect where spending qualifies for tiers", "remove it")
        elif rule.qualifies and rule.unit.unit_id != unit and unit and default_unit:
            advice = f"points of unit `{unit}` count for tiers"
            draft.section.warn("qualifies", f"`qualifies` has no effect on unit `{rule.unit.unit_id}`", advice)
        elif rule.qualifies and not tiers.ids:
            draft.section.warn("qualifies", "`qualifies` has no effect in a programme without tiers", "remove it")
        if rule.tier_multiplies and not multiplied:
            reason = "`tier_multiplies` has no effect: every tier earns 100 percent"
            draft.section.warn("tier_multiplies", reason, "give a tier an `earn_percent`, or remove the key")


def check_rule(
    report: Report, draft: RuleDraft, when: Tree | None, of: Tree | None, certain: set[tuple[str, str]]
) -> None:
    """Warns of a rule that gives nothing or holds a key without effect.

    `when` and `of` are its checked expressions, `certain` the (map, key) that are there without asking.
    """
    rule = draft.rule
    if rule is not None and rule.first_only and rule.cooldown_ms and not rule.cooldown_any:
        reason = "`unless_rewarded_within` has no effect beside `first_only`: the rule gives once"
        draft.section.warn("unless_rewarded_within", reason, "remove one of the two")
    _warn_of_missing_keys(report, draft, when, of, certain)
    if when is None or draft.when is None:
        return
    span = Span(draft.source, draft.when)
    literal = next((part for part in _conjuncts(when) if part.kind == "literal"), None)
    if literal is not None:
        reason = f"the condition contains a plain `{str(literal.value).lower()}`"
        reason += ", so the rule never gives anything" if literal.value is False else ", which has no effect"
        report.warning(draft.source, span.index(literal.offset), reason, "remove it, or set `mode: shadow`")
    contradiction = _contradiction(when)
    if contradiction is not None:
        part, name = contradiction
        reason = f"the rule never gives anything: no value of `{name}` meets all its comparisons"
        report.warning(draft.source, span.index(part.offset), reason, "use || between alternatives, or correct a bound")


def _warn_of_missing_keys(
    report: Report, draft: RuleDraft, when: Tree | None, of: Tree | None, certain: set[tuple[str, str]]
) -> None:
    """Warns of a map's key that is read though nothing asks whether it is there."""
    asked = {
        key for tree in (when, of) if tree is not None for node in tree.walk() for key in _keys(node, ("has", "@in"))
    }
    for tree, scalar in ((when, draft.when), (of, draft.of)):
        if tree is None or scalar is None:
            continue
        span = Span(draft.source, scalar)
        for node in tree.walk():
            for name, key in _keys(node, ("field", "_[_]")):
                if (name, key) not in asked and (name, key) not in certain:
                    reason = f"each event without `{key}` in its {name.removeprefix('event.')} is recorded as an error"
                    advice = f'ask first: "{key}" in {name} && ...'
                    report.warning(draft.source, span.index(node.offset), reason, advice)


def _keys(node: Tree, kinds: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """(name of a map, literal key) where the node reads or asks for one in one of two ways."""
    if node.kind == kinds[0] and node.children[0].kind == "name":
        yield str(node.children[0].value), str(node.value)
    if node.kind == "call" and node.value == kinds[1]:
        group, key = node.children if node.value == "_[_]" else (node.children[1], node.children[0])
        if group.kind == "name" and key.kind == "literal":
            yield str(group.value), str(key.value)


def _conjuncts(tree: Tree) -> Iterator[Tree]:
    if tree.kind == "call" and tree.value == "_&&_":
        for child in tree.children:
            yield from _conjuncts(child)
    else:
        yield tree


@final
class _Possible:
    """What a name can still be: an interval for ints, a set of texts for strings; None means any."""

    def __init__(self) -> None:
        self.low = INT_MIN
        self.high = INT_MAX
        self.texts: set[str] | None = None
        self.excluded: set[str | int] = set()

    def empty(self) -> bool:
        if self.texts is not None and not self.texts - self.excluded:
            return True
        return self.low > self.high or (self.low == self.high and self.low in self.excluded)

    def narrow(self, function: str, value: int | str | bool) -> None:
        if isinstance(value, bool):
            return
        if function == "_!=_":
            self.excluded.add(value)
        elif isinstance(value, str):
            if function == "_==_":
                self.one_of({value})
        else:
            if function in ("_==_", "_>=_", "_>_"):
                self.low = max(self.low, value + (function == "_>_"))
            if function in ("_==_", "_<=_", "_<_"):
                self.high = min(self.high, value - (function == "_<_"))

    def one_of(self, texts: set[str]) -> None:
        self.texts = texts if self.texts is None else self.texts & texts


def _contradiction(when: Tree) -> tuple[Tree, str] | None:
    """The comparison that leaves no value for a name, given those before it, and the name."""
    possible: dict[str, _Possible] = {}
    for part in _conjuncts(when):
        if part.kind != "call" or len(part.children) != 2:
            continue
        left, right = part.children
        function = str(part.value)
        if right.kind == "name" and function in _MIRRORED:
            left, right, function = right, left, _MIRRORED[function]
        if left.kind != "name":
            continue
        room = possible.setdefault(str(left.value), _Possible())
        if function in _MIRRORED and right.kind == "literal":
            room.narrow(function, right.value)
        elif function == "@in" and right.kind == "list":
            texts = [element.value for element in right.children if element.kind == "literal"]
            if len(texts) == len(right.children) and all(isinstance(text, str) for text in texts):
                room.one_of({str(text) for text in texts})
        if room.empty():
            return part, str(left.value)
    return None
