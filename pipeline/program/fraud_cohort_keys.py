"""Reads signals of fraud.yaml that hold points against what a cohort comes to: of a segment, tier, partner, or all."""

from typing import Final

from pipeline.core import fraud_program as fraud
from pipeline.core.bounds import POINTS_MAX
from pipeline.core.fraud_days import DAY, EVENT
from pipeline.core.fraud_program import Counter, Signal
from pipeline.core.program import Unit
from pipeline.program.fraud_trait_keys import HISTORY_OF, TIMES_MAX, section_of
from pipeline.program.rewards_file import read_unit
from pipeline.program.sections import Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Key, Keys, Name, Whole

BY: Final = (fraud.BY_SEGMENT, fraud.BY_TIER, fraud.BY_PARTNER, fraud.BY_ALL)
PER: Final = (EVENT, DAY)
PERMILLE: Final = {"p50": 500, "p75": 750, "p90": 900, "p95": 950, "p99": 990, "p99.5": 995, "p99.9": 999}
"""Percentiles that baselines tell, by how they are written, in thousandths."""
MEMBERS_LEAST: Final = 50
"""No cohort of fewer members is judged by: a few cannot say what is usual, and could be told apart by it."""
MEMBERS_MAX: Final = 10**9
MEMBERS: Final = 200
COHORT_KEYS: Final[Keys] = {
    "of": Key(Choice(HISTORY_OF), "Points `earned` or `redeemed`.", required=True),
    "by": Key(
        Choice(BY),
        "Whom they are held against: members of the same `segment` or `tier`, what is done with the same `partner`, "
        "or `all`.",
        required=True,
    ),
    "per": Key(Choice(PER), "Of the `event`, or of the member's `day`.", default=EVENT),
    "times": Key(Whole(1, TIMES_MAX), "So many times the percentile is allowed.", required=True),
    "percentile": Key(Choice(tuple(PERMILLE)), "Which percentile of the cohort.", default="p99"),
    "at_least": Key(Whole(1, POINTS_MAX), "Events, or days, below this are never stopped."),
    "at_least_members": Key(
        Whole(MEMBERS_LEAST, MEMBERS_MAX), "Cohorts of fewer members judge nothing.", default=str(MEMBERS)
    ),
    "unit": Key(Name(), "Unit of the points.", default=DEFAULT_UNIT),
}
COHORTS: Final[Keys] = {
    "cohort": Key(Fields(COHORT_KEYS), "Far more than others of the cohort come to, by published baselines."),
}
WHOM: Final = {
    fraud.BY_SEGMENT: "members of the segment",
    fraud.BY_TIER: "members of the tier",
    fraud.BY_PARTNER: "what is done with the partner",
    fraud.BY_ALL: "all members",
}


def read_cohort(own: Section, signal_id: str, action: str, live: bool, units: dict[str, Unit]) -> Signal | None:
    """The signal; None where it is wrong."""
    section = section_of(own, fraud.COHORT, COHORT_KEYS, action)
    if section is None:
        return None
    of = section.choice("of", HISTORY_OF, "")
    by = section.choice("by", BY, "")
    per = section.choice("per", PER, EVENT)
    percentile = section.choice("percentile", tuple(PERMILLE), "p99")
    times = section.integer("times", 1, TIMES_MAX)
    least = section.integer("at_least", 1, POINTS_MAX) if "at_least" in section else 0
    members = (
        section.integer("at_least_members", MEMBERS_LEAST, MEMBERS_MAX) if "at_least_members" in section else MEMBERS
    )
    unit = read_unit(section, units)
    if by == fraud.BY_PARTNER and per == DAY:
        advice = "write `per: event`, or limit the day by `velocity` with `by: partner`"
        section.refuse("per", "a member's days are not kept by partner: `day` goes with the other cohorts", advice)
        return None
    if not of or not by or times is None or least is None or members is None or unit is None:
        return None
    counter = Counter(f"h:{of}:{unit.unit_id}" if per == DAY else "", fraud.BY_MEMBER, fraud.HABIT, 0, 0)
    what = f"points {of} " + ("on a day" if per == DAY else "by an event")
    words = f"{what}, at most {times} times the {percentile} of {WHOM[by]}"
    return Signal(
        signal_id, fraud.COHORT, action, live, of, unit.unit_id, times, 0, counter, words, PERMILLE[percentile],
        after=members, least=least, by=by,
    )  # fmt: skip
