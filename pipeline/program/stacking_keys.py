"""Reads `stacking` of program.yaml, and checks how rules use its groups."""

from dataclasses import dataclass, field
from typing import Final, final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.program import Unit
from pipeline.program.problems import closest
from pipeline.program.rules_file import RuleDraft
from pipeline.program.sections import IDENTIFIER, Section, bad_name_advice
from pipeline.program.shapes import Choice, Fields, Key, Keys, Named, Whole

CHOICES: Final = ("first", "best")
GROUP_KEYS: Final[Keys] = {
    "choose": Key(Choice(CHOICES), "The first by priority, or the one that gives most.", default=CHOICES[0])
}
KEYS: Final[Keys] = {
    "groups": Key(Named(Fields(GROUP_KEYS)), "Exclusive groups by name: of the rules in one, one gives."),
    "maximum_per_event": Key(Named(Whole(1, POINTS_MAX)), "The most points of a unit that one event earns."),
}
STACKING: Final = Fields(KEYS)


@final
@dataclass(frozen=True, slots=True)
class Stacking:
    """`groups` maps group to how it chooses, `maximums` unit to the most points of it that one event earns."""

    groups: dict[str, str] = field(default_factory=dict)
    maximums: dict[str, int] = field(default_factory=dict)


def read_stacking(settings: Section, units: dict[str, Unit]) -> Stacking:
    """The value of `stacking` of a programme with these units (none: they could not be read)."""
    stacking = Stacking()
    section = settings.section("stacking", "stacking", KEYS)
    if section is None:
        return stacking
    groups = section.section("groups", "groups", None)
    for name in groups.keys() if groups is not None else ():
        assert groups is not None
        if not IDENTIFIER.fullmatch(name):
            groups.refuse(name, f"`{name[:40]}` is not a name of a group", bad_name_advice(name))
            continue
        own = groups.section(name, f"group `{name}`", GROUP_KEYS)
        stacking.groups[name] = CHOICES[0] if own is None else own.choice("choose", CHOICES, CHOICES[0])
    maximums = section.section("maximum_per_event", "maximum_per_event", None)
    for name in maximums.keys() if maximums is not None else ():
        assert maximums is not None
        if units and name not in units:
            maximums.refuse(name, f"there is no unit `{name[:40]}`", closest(name, units))
            continue
        most = maximums.integer(name, 1, POINTS_MAX)
        if most is not None:
            stacking.maximums[name] = most
    return stacking


def check_groups(drafts: list[RuleDraft], groups: dict[str, str]) -> None:
    """Refuses groups that do not exist, and comparing points of different units; warns of a rule alone in a group."""
    members: dict[str, list[RuleDraft]] = {}
    for draft in drafts:
        if draft.rule is None or not draft.rule.group:
            continue
        group = draft.rule.group
        if group not in groups:
            advice = closest(group, groups) or "declare it in program.yaml: `stacking: {groups: {...}}`"
            draft.section.refuse("group", f"there is no group `{group}`", advice)
            continue
        members.setdefault(group, []).append(draft)
    for group, those in members.items():
        units = {draft.rule.unit.unit_id for draft in those if draft.rule is not None}
        if groups[group] == "best" and len(units) > 1:
            reason = f"group `{group}` chooses the best, and its rules give {', '.join(sorted(units))}"
            those[-1].section.refuse("group", reason, "give points of one unit, or let the group choose the first")
        if len(those) == 1:
            reason = f"`group` has no effect: no other rule is in group `{group}`"
            those[0].section.warn("group", reason, "remove it, or put another rule into the group")
