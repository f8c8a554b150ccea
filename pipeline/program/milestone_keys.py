"""Reads `streak` and `achievement` of rules."""

from typing import Final

from pipeline.core.milestones import Milestone
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Key, Keys, Whole

EVERY: Final = ("day", "week")
AWARD_AT: Final = ("each", "once")
LENGTH_MAX: Final = 10_000
GRACE_MAX: Final = 100
COUNT_MAX: Final = 10**9
STREAK_KEYS: Final[Keys] = {
    "every": Key(Choice(EVERY), "Local days, or weeks from Monday, in a row.", required=True),
    "length": Key(Whole(2, LENGTH_MAX), "So many of them in a row give the points.", required=True),
    "grace": Key(Whole(0, GRACE_MAX), "So many may be missing between two of them.", default="0"),
    "award_at": Key(
        Choice(AWARD_AT), "At `each` multiple of the length, or `once` in each unbroken row.", default=AWARD_AT[0]
    ),
}
ACHIEVEMENT_KEYS: Final[Keys] = {
    "count": Key(Whole(1, COUNT_MAX), "The so-manieth event gives the points, once.", required=True)
}
STREAK: Final = Fields(STREAK_KEYS)
ACHIEVEMENT: Final = Fields(ACHIEVEMENT_KEYS)


def read_milestone(rule: Section) -> Milestone | None:
    """What `streak` or `achievement` says; None where both are absent or wrong."""
    streak = rule.section("streak", f"streak of {rule.what}", STREAK_KEYS)
    achievement = rule.section("achievement", f"achievement of {rule.what}", ACHIEVEMENT_KEYS)
    if streak is not None and achievement is not None:
        rule.refuse("achievement", "`achievement` cannot stand beside `streak`", "make two rules of it")
        return None
    if achievement is not None:
        count = achievement.integer("count", 1, COUNT_MAX) if achievement.require("count") else None
        return None if count is None else Milestone("", count, 0, False)
    if streak is None or not streak.require("every", "length"):
        return None
    every = streak.choice("every", EVERY, "")
    length = streak.integer("length", 2, LENGTH_MAX)
    grace = streak.integer("grace", 0, GRACE_MAX) if "grace" in streak else 0
    repeats = streak.choice("award_at", AWARD_AT, AWARD_AT[0]) == AWARD_AT[0]
    if not every or length is None or grace is None:
        return None
    return Milestone(every, length, grace, repeats)
