"""Awards of a programme with fraud signals: the signals judge what an event gives as a whole, before it is booked."""

from pipeline.core import limits
from pipeline.core.fraud_stage import Screening
from pipeline.core.member import Member
from pipeline.core.program import Program, Rule
from pipeline.core.records import Reward

Planned = tuple[Rule, int, int]
"""(rule, points it gives, index of its reward)."""


def judged(
    screening: Screening, member: Member, program: Program, planned: list[Planned], rewards: list[Reward], at_ms: int
) -> list[Planned]:
    """The plan as the signals let it through, which is counted.

    The rewards say what was denied or clipped, of the later rules first. Limits get back what they had counted.
    """
    totals: dict[str, int] = {}
    for rule, points, _ in planned:
        unit = rule.unit.unit_id
        totals[unit] = totals.get(unit, 0) + points
    screening.judge_earnings(totals)
    let_through: list[Planned] = []
    given: dict[str, int] = {}
    for rule, points, index in planned:
        unit = rule.unit.unit_id
        allowed, limited_by = allowed_of(screening, unit, points, given.get(unit, 0))
        if allowed < points:
            reward = rewards[index]
            rewards[index] = Reward(
                reward.rule_id, reward.type, reward.unit, allowed, reward.desired, limited_by, reward.mode
            )
            limits.give_back(member, program.calendar, rule.windows, at_ms, points - allowed, 0 if allowed else 1)
            limits.give_back_rolling(member, rule.rolls, at_ms, points - allowed, 0 if allowed else 1)
        if allowed:
            given[unit] = given.get(unit, 0) + allowed
            let_through.append((rule, allowed, index))
    screening.count_earnings(given)
    return let_through


def allowed_of(screening: Screening, unit: str, points: int, given: int) -> tuple[int, str]:
    """(points that may be given, what clipped them or ""), after `given` points of the unit by rules before."""
    if screening.denied_by:
        return 0, f"fraud:{screening.denied_by}"
    allowed, limited_by = points, ""
    if unit in screening.left and screening.left[unit] - given < allowed:
        allowed, limited_by = max(screening.left[unit] - given, 0), f"fraud:{screening.clipped_by[unit]}"
    return allowed, limited_by
