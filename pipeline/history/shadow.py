"""Sums up what shadow rules would have given, from the recorded decisions alone.

A decision records what a shadow rule would have given as if it had given nothing before. Here its limits and pauses
count what it would have given so far, so the sums are those of a live rule.
"""

from typing import Final, NamedTuple, final

from pipeline.core import limits
from pipeline.core.awards import SCHEDULE, advance, allowed
from pipeline.core.member import Member
from pipeline.core.milestones import MILESTONE_LABELS
from pipeline.core.ports import Programs, UnknownProgram
from pipeline.core.program import Program, Rule
from pipeline.core.records import Reward, RewardDecision

SHADOW: Final = "shadow"


class ShadowSum(NamedTuple):
    """What one rule would have given in one unit.

    `events` met its condition, `awards` would have given something, `limited` less than the rule wanted; `wanted` and
    `points` are points before and after limits, `members` those who would have got some.
    """

    rule_id: str
    unit: str
    events: int
    awards: int
    limited: int
    members: int
    wanted: int
    points: int


@final
class _Sum:
    def __init__(self) -> None:
        self.events = self.awards = self.limited = self.wanted = self.points = 0
        self.members: set[str] = set()


@final
class ShadowSums:
    """Takes decisions, each member's in their order. Needs memory by member and shadow rule."""

    def __init__(self, programs: Programs) -> None:
        """`programs` knows the limits; the decisions under one that is not to be had count as they are recorded."""
        self._programs = programs
        self._rules: dict[str, tuple[Program, dict[str, Rule]] | None] = {}
        self._members: dict[str, Member] = {}
        self._sums: dict[tuple[str, str], _Sum] = {}

    def add(self, decision: RewardDecision) -> None:
        """Count what the shadow rules of one decision would have given."""
        for reward in decision.rewards:
            if reward.mode == SHADOW:
                given = self._given(decision, reward)
                found = self._sums.setdefault((reward.rule_id, reward.unit), _Sum())
                found.events += 1
                found.wanted += reward.desired
                found.limited += given < reward.desired
                if given:
                    found.awards += 1
                    found.points += given
                    found.members.add(decision.member_id)

    def rows(self) -> list[ShadowSum]:
        """The sums by rule and unit."""
        return [
            ShadowSum(rule, unit, each.events, each.awards, each.limited, len(each.members), each.wanted, each.points)
            for (rule, unit), each in sorted(self._sums.items())
        ]

    def _given(self, decision: RewardDecision, reward: Reward) -> int:
        """Points that the rule would have given, after all that it would have given before."""
        known = self._program(decision.program_hash)
        rule = None if known is None else known[1].get(reward.rule_id)
        if known is None or rule is None:
            return reward.value
        milestone = rule.milestone
        # What a streak or achievement keeps back is decided here, where what went before counts.
        waits = milestone is not None and reward.limited_by.startswith(MILESTONE_LABELS)
        most = reward.desired if waits else reward.value
        if milestone is None and not most:
            return 0
        program, at_ms = known[0], decision.occurred_at_ms
        member = self._members.setdefault(decision.member_id, Member(decision.member_id))
        given = min(most, allowed(member, program, rule, at_ms, reward.desired, True)[0])
        if milestone is not None and reward.limited_by != SCHEDULE:
            advance(member, rule, milestone, at_ms, program, given > 0)
        if given:
            limits.use(member, program.calendar, rule.windows, at_ms, given, 1)
            limits.use_rolling(member, rule.rolls, at_ms, given, 1)
            if rule.cooldown_ms:
                member.awarded_at_ms[rule.rule_id] = max(member.awarded_at_ms.get(rule.rule_id, 0), at_ms)
        return given

    def _program(self, program_hash: str) -> tuple[Program, dict[str, Rule]] | None:
        if program_hash not in self._rules:
            try:
                program = self._programs.program(program_hash)
            except UnknownProgram:
                self._rules[program_hash] = None
            else:
                rules = {rule.rule_id: rule for table in program.rules.values() for rule in table.rules}
                self._rules[program_hash] = (program, rules)
        return self._rules[program_hash]
