"""The two programs under which the engine is compared with the naive model."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from core_model_arithmetic import minimum
from core_programs import DAY_MS, Limit, Period, Reward, Tier, TierPolicy, Unit

from pipeline.core.campaigns import Budget, Campaign
from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.household_terms import HouseholdTerms
from pipeline.core.member import Member
from pipeline.core.milestones import Milestone
from pipeline.core.payloads import Payload, TransactionCompleted
from pipeline.core.program import Program, Rule, RuleTable
from pipeline.core.referral_terms import ReferralTerms
from pipeline.core.schedules import Schedule
from pipeline.core.transfer_terms import TransferTerms

NONE = Period(0, 0)
POINTS = Unit("points", "half_up", Period(1, 0))
MILES = Unit("miles", "floor", NONE)
LATER_POINTS = Unit("points", "half_up", Period(1, 0, "month"))
SLIDING_MILES = Unit("miles", "floor", Period(0, 40 * DAY_MS), sliding=True, slides_by_redeeming=True)


def earn(
    rule_id: str,
    unit: Unit = POINTS,
    *,
    fixed: int = 0,
    rate: tuple[int, int] = (1, 1),
    pending: Period = NONE,
    expires: Period | None = None,
    first_only: bool = False,
    cooldown: tuple[int, bool] = (0, False),
    limits: tuple[Limit, ...] = (),
    tier: bool = False,
    live: bool = True,
    priority: int = 0,
    group: str = "",
    schedule: Schedule | None = None,
    campaign: Campaign | None = None,
    milestone: Milestone | None = None,
    tier_rates: dict[str, tuple[int, int]] | None = None,
) -> Rule:
    return Rule(
        rule_id, unit, fixed, 100, rate[0], rate[1], pending, expires, first_only, cooldown[0], cooldown[1], limits,
        tier, True, live, priority, group, schedule, campaign,
        milestone, tier_rates,
    )  # fmt: skip


def table(*rules: Rule) -> RuleTable:
    def match(
        _event: Event, payload: Payload, _member: Member, _errors: list[tuple[int, str]]
    ) -> list[tuple[int, int]]:
        amount = 0
        if isinstance(payload, TransactionCompleted):
            amount = payload.amount_minor - payload.points_paid_minor
        return [(index, amount) for index, one in enumerate(rules) if amount >= minimum(one)]

    return RuleTable(rules, match)


def program(
    name: str,
    table_of_rules: RuleTable,
    clawback: str,
    enrolment: str,
    policy: TierPolicy,
    points: Unit = POINTS,
    miles: Unit = MILES,
    others: dict[str, RuleTable] | None = None,
) -> Program:
    return Program(
        name,
        name * 64,
        ZoneInfo("Europe/Amsterdam"),
        {"points": points, "miles": miles},
        (Tier("bronze", 0, 100), Tier("silver", 60, 150), Tier("gold", 200, 175)),
        "" if policy.spend_currency else "points",
        {"transaction_completed": table_of_rules, **(others or {})},
        {
            "mug": Reward("mug", points, 7, "external", (), (Limit(0, 3, "week"),)),
            "trip": Reward("trip", miles, 40, "external", ("silver", "gold"), (Limit(120, 0, "month"),), False, DAY_MS),
            "pass": Reward("pass", points, 3, "external", (), (Limit(0, 5, "month"),), True, 2 * DAY_MS),
            "ride": Reward("ride", miles, 6, "external", (), (Limit(0, 4, "rolling:2d", 2 * DAY_MS),)),
            "tour": Reward(
                "tour", miles, 4, "external", (), (Limit(30, 0, "rolling:9d", 9 * DAY_MS),), True, 50 * DAY_MS
            ),
            "cup": Reward(
                "cup", points, 4, "external", (), (Limit(0, 6, "month"),), False, 3 * DAY_MS, stock=9 if others else 5
            ),
            "seat": Reward("seat", points, 3, "external", (), (), True, 2 * DAY_MS, stock=7),
            "film": Reward("film", points, 2, "external", (), (), codes="cinema"),
            "play": Reward("play", miles, 2, "external", (), (), True, 4 * DAY_MS, codes="cinema"),
        },
        frozenset({"EUR"}),
        clawback,
        enrolment,
        tier_policy=policy,
        groups={"extra": "best", "bonus": "first"},
        maximums={"points": 150, "miles": 90},
        transfers=EARLY_TRANSFERS if others is None else LATER_TRANSFERS,
        fraud=None if others is None else FEW,
        referrals=None if others is None else ReferralTerms(3_000, 20 * DAY_MS),
        households=HouseholdTerms(("points",), 3 if others is None else 1),
    )


EARLY_TRANSFERS = TransferTerms(("points",), 2, renews=False, limits=(Limit(40, 0, "month"),))
LATER_TRANSFERS = TransferTerms(
    ("points", "miles"), 1, renews=True, limits=(Limit(0, 3, "rolling:9d", 9 * DAY_MS), Limit(90, 0, "week"))
)
FEW = FraudProgram(
    (
        Signal(
            "few", "velocity", "deny", True, "redemptions", "", 2, 2 * DAY_MS,
            Counter("r", "member", "", 2 * DAY_MS, 10**6), "few",
        ),
    ),
    {},
)  # fmt: skip
"""Two redemptions within any two days, parts of purchases paid with points among them."""
NIGHTS = Schedule(0, 0, frozenset({0, 2, 4, 5}), ((20 * 60, 6 * 60), (12 * 60, 13 * 60)))
AUTUMN = Campaign(
    "autumn",
    Schedule(date(2026, 10, 24).toordinal(), date(2027, 3, 28).toordinal(), frozenset(), ()),
    (Limit(21, 0, "rolling:8d", 8 * DAY_MS), Limit(0, 3, "day"), Limit(60, 0, "year")),
)

EARLY_PURSE = Campaign("purse", None, (Limit(24, 0, "month"),), Budget(50, 0))
PURSE = Campaign("purse", None, (Limit(0, 9, "rolling:9d", 9 * DAY_MS),), Budget(110, 0))
FIRST_COME = Campaign("first-come", None, (), Budget(0, 3, "month"))

FIRST_RULES = table(
    earn("base", tier=True, pending=Period(0, 3 * DAY_MS)),
    earn("now", rate=(1, 3), limits=(Limit(12, 0, "month"), Limit(0, 2, "day"))),
    earn("miles", MILES, rate=(3, 7)),
    earn("welcome", fixed=9, first_only=True, expires=Period(0, 5 * DAY_MS)),
    earn("trial", fixed=50, live=False),
    earn("pooled", fixed=6, campaign=EARLY_PURSE, pending=Period(0, DAY_MS)),
)
SECOND_RULES = table(
    earn("base", LATER_POINTS, tier=True, rate=(3, 2)),
    earn("again", fixed=5, cooldown=(2 * DAY_MS, False), expires=Period(2, 0), pending=Period(1, 0)),
    earn("big>=3000", fixed=8, cooldown=(DAY_MS, True), group="extra"),
    earn("bigger>=5000", rate=(1, 9), group="extra", priority=1, campaign=AUTUMN),
    earn("daily", fixed=2, milestone=Milestone("day", 2, 1, True)),
    earn("weekly", fixed=3, milestone=Milestone("week", 3, 0, False), schedule=Schedule(0, 0, frozenset(range(6)), ())),
    earn("fifth", fixed=11, milestone=Milestone("", 5, 0, False), cooldown=(DAY_MS, True)),
    earn("rate", tier_rates={"bronze": (1, 50), "silver": (1, 30), "gold": (1, 9)}),
    earn("night", fixed=6, group="bonus", schedule=NIGHTS),
    earn("day", fixed=5, group="bonus", priority=-3, campaign=AUTUMN),
    earn("rolls", rate=(1, 20), limits=(Limit(7, 0, "rolling:3d", 3 * DAY_MS), Limit(0, 2, "rolling:1h", 3_600_000))),
    earn("now", rate=(1, 2), limits=(Limit(20, 0, "month"), Limit(60, 0, "year"), Limit(0, 9, "ever"))),
    earn("miles", SLIDING_MILES, rate=(1, 1), pending=Period(0, 2 * DAY_MS), limits=(Limit(40, 0, "week"),)),
    earn("flight>=4000", SLIDING_MILES, fixed=9),
    earn("own", SLIDING_MILES, fixed=4, expires=Period(0, 20 * DAY_MS), limits=(Limit(0, 2, "week"),)),
    earn("pooled", LATER_POINTS, rate=(1, 4), tier=True, campaign=PURSE, limits=(Limit(30, 0, "week"),)),
    earn("counted", SLIDING_MILES, fixed=5, campaign=FIRST_COME, cooldown=(DAY_MS, False)),
    earn("third", LATER_POINTS, fixed=4, campaign=FIRST_COME, milestone=Milestone("", 3, 0, False)),
)
OTHER_RULES = {
    "birthday_reached": table(
        earn("cake", LATER_POINTS, fixed=7, tier=True),
        earn("wings", SLIDING_MILES, fixed=3, limits=(Limit(0, 1, "ever"),)),
    ),
    "anniversary_reached": table(
        earn("years", LATER_POINTS, fixed=9), earn("party", LATER_POINTS, fixed=5, campaign=PURSE)
    ),
    "referral_accepted": table(earn("thanks", LATER_POINTS, fixed=2, limits=(Limit(0, 2, "month"),))),
    "referral_joined": table(earn("hello", LATER_POINTS, fixed=8, first_only=True)),
    "referral_qualified": table(
        earn("friend", SLIDING_MILES, fixed=6), earn("pal", LATER_POINTS, fixed=9, campaign=PURSE)
    ),
}
