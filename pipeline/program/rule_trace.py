"""What a rule sees of one event before it gives anything: its condition atom by atom, its limits and pauses."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.core import limits
from pipeline.core.campaigns import Limit
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.program import Program, Rule
from pipeline.program.atoms import Atom, Scope, judge
from pipeline.program.cel_runtime import FAILURES, describe
from pipeline.program.cel_text import text_of
from pipeline.program.checker import CheckedRule
from pipeline.program.vocabulary import terms

_NEVER_MS: Final = 0


@final
@dataclass(frozen=True, slots=True)
class LimitState:
    """One limit before the event: `name` as in decisions, at most `most` since `since_ms`, of which `used` were."""

    name: str
    most: int
    used: int
    since_ms: int


@final
@dataclass(frozen=True, slots=True)
class Pause:
    """A pause before the event: it lasts until `until_ms`, since rule `rule_id` gave points at `since_ms`."""

    rule_id: str
    since_ms: int
    until_ms: int


@final
@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule of the event's type. `holds` is None where the condition failed, with `error`.

    `counted` is what points are counted by, with values, and empty for fixed points; `value` what came out, None where
    it failed or was not asked for. `pause` is there while one lasts, `first` False where another event of the type came
    before a rule that gives for the first only.
    """

    rule_id: str
    mode: str
    holds: bool | None
    error: str
    atoms: tuple[Atom, ...]
    counted: str
    value: int | None
    limits: tuple[LimitState, ...]
    pause: Pause | None
    first: bool


def trace_rule(checked: CheckedRule, program: Program, event: Event, member: Member) -> RuleTrace:
    """What one rule of the programme sees of an event and its member."""
    rule, condition = checked.rule, checked.condition
    tier = program.tiers[0].tier_id if program.tiers else ""
    scope = Scope(event, member, terms(checked.event_type), program.default_unit.unit_id, tier, program.conversion)
    holds, atoms = (True, []) if condition.when is None else judge(condition.when, scope)
    error = next((atom.error for atom in atoms if atom.decided and atom.result is None), "")
    counted, value = "", None
    if condition.of is not None:
        counted = f"{text_of(condition.of)} = {scope.values(condition.of)}"
        if holds:
            try:
                value = int(str(scope.value(condition.of)))
            except FAILURES as failure:
                holds, error = None, describe(failure)
    at_ms = event.occurred_at_ms
    return RuleTrace(
        rule_id=rule.rule_id,
        mode="live" if rule.live else "shadow",
        holds=holds,
        error=error,
        atoms=tuple(atoms),
        counted=counted,
        value=value,
        limits=tuple(
            _limit(program, member, limit, key, at_ms) for limit, key in zip(rule.limits, rule.window_keys, strict=True)
        ),
        pause=_pause(rule, member, at_ms),
        first=not rule.first_only or event.type_name not in member.event_counts,
    )


def _limit(program: Program, member: Member, limit: Limit, key: str, at_ms: int) -> LimitState:
    kind, most = ("points", limit.points) if limit.points else ("count", limit.count)
    name = f"{limits.owner_of(key)}:{kind}/{limit.every}"
    if limit.rolling_ms:
        points, count = limits.used(member, program.calendar, limit, key, at_ms)
        return LimitState(name, most, points if limit.points else count, at_ms - limit.rolling_ms)
    since_ms = program.calendar.window_start(limit.every, at_ms)
    window = member.windows.get(key)
    if window is not None and window.start_ms < since_ms:
        window = None
    used = 0 if window is None else window.points if limit.points else window.count
    return LimitState(name, most, used, since_ms if window is None else window.start_ms)


def _pause(rule: Rule, member: Member, at_ms: int) -> Pause | None:
    """The pause that lasts at a time, by the latest award that counts; None where there is none."""
    if not rule.cooldown_ms:
        return None
    awarded = member.awarded_at_ms
    own = {rule.rule_id: awarded.get(rule.rule_id, _NEVER_MS)}
    latest = max((awarded if rule.cooldown_any else own).items(), key=lambda each: each[1], default=("", _NEVER_MS))
    if latest[1] <= at_ms - rule.cooldown_ms:
        return None
    return Pause(latest[0], latest[1], latest[1] + rule.cooldown_ms)
