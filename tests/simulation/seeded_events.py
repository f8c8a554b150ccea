"""Events of one partition's members by chance: every kind that a lane can meet, and the programmes that judge them."""

from __future__ import annotations

from random import Random

from core_programs import NONE, Limit, Period, Tier, Unit, program, rule, table

from pipeline.core.campaigns import Budget, Campaign
from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, ReviewTerms, Signal
from pipeline.core.member import Member
from pipeline.core.payloads import (
    FulfillmentOutcome,
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    ProfileChanged,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionRequested,
    ReferralAccepted,
    TransactionCancelled,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.program import Program, Reward
from pipeline.core.records import FulfillmentCommand
from pipeline.wire.partitioner import partition_of

START_MS = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000
PARTITIONS = 3
MEMBERS_PER_PARTITION = 4
POISON = "poison"
SUMMER_POINTS = 400
"""What all members together can get of the campaign; little, so that it is used up."""
STOCK = 4

_names = [f"m{i}" for i in range(100)]
MEMBERS = [
    [name for name in _names if partition_of(name.encode(), PARTITIONS) == partition][:MEMBERS_PER_PARTITION]
    for partition in range(PARTITIONS)
]


class DecisionDefect(Exception):
    """What a defect in the core would raise."""


def not_poisoned(event: Event, member: Member) -> bool:
    """A condition with a defect that poisoned events lay open, in some states of the member."""
    if POISON in event.attributes and member.version % 2:
        raise DecisionDefect(event.event_id)
    return True


def programs(names: str) -> dict[str, Program]:
    """Programs by hash, with lots that wait and expire, tiers, limits and rewards; each gives another rate."""
    points = Unit("points", "floor", Period(1, 0))
    summer = Campaign("summer", None, (), Budget(SUMMER_POINTS, 0))
    made = [
        program(
            {
                "transaction_completed": table(
                    (rule("base", points, rate=(index, 1), pending=Period(0, 2 * DAY_MS)), not_poisoned),
                    rule("first", points, fixed=50, first_only=True, limits=(Limit(200, 0, "month"),)),
                    rule("summer", points, fixed=30, limits=(Limit(500, 0, "month"),), campaign=summer),
                ),
                "member_enrolled": table(rule("welcome", points, fixed=20)),
                "referral_joined": table(rule("referred", points, fixed=5, pending=NONE)),
            },
            program_hash=name * 64,
            units=(points,),
            tiers=(Tier("bronze", 0, 100), Tier("silver", 150, 120)),
            rewards=(
                Reward("voucher", points, 30, "house", (), ()),
                Reward("trip", points, 80, "external", (), ()),
                Reward("mug", points, 5, "external", (), (), stock=STOCK),
                Reward("film", points, 5, "house", (), (), codes="cinema"),
            ),
            fraud=signals(),
        )
        for index, name in enumerate(names, 1)
    ]
    return {one.program_hash: one for one in made}


def signals() -> FraudProgram:
    """A signal of each way of counting: a sliding window that denies, a calendar month that clips, a week that holds
    for review until time approves, members who share a device, rings of referrals, and days far above all members'."""
    redemptions = Signal(
        "few", "velocity", "deny", True, "redemptions", "", 2, DAY_MS, Counter("r", "member", "", DAY_MS, 6), "few"
    )
    earned = Counter("E:points/month", "member", "month", 0, 0)
    monthly = Signal("month", "velocity", "clip", True, "earned", "points", 300, 0, earned, "month")
    weekly = Counter("E:points/week", "member", "week", 0, 0)
    high = Signal("week", "velocity", "review", True, "earned", "points", 100, 0, weekly, "week")
    none = Counter("", "member", "", 0, 0)
    shared = Signal("shared", "members", "review", True, "device", "", 2, 5 * DAY_MS, none, "shared")
    loop = Signal("loop", "ring", "deny", True, "", "", 1, 0, none, "loop", 4)
    days = Counter("h:earned:points", "member", "habit", 0, 0)
    above = Signal("above", "cohort", "deny", True, "earned", "points", 3, 0, days, "above", 990, after=200, by="all")
    return FraudProgram((redemptions, monthly, high, shared, loop, above), {}, terms=ReviewTerms(5 * DAY_MS, True))


class SeededEvents:
    """What happens to the members of one partition. `commands` are those that providers may answer."""

    def __init__(self, random: Random, partition: int) -> None:
        self._random = random
        self._partition = partition
        self._members = MEMBERS[partition]
        self._count = 0
        self.commands: list[FulfillmentCommand] = []

    def event(self, now_ms: int) -> Event:
        """One event: mostly of now, some late, early, of another partition's member or under an id used before."""
        draw = self._random
        self._count += 1
        member = draw.choice(self._members)
        if draw.random() < 0.02:
            member = draw.choice(MEMBERS[(self._partition + 1) % PARTITIONS])
        occurred_ms = now_ms - draw.choice((0, 5_000, 3_600_000, 10 * DAY_MS, 200 * DAY_MS))
        if draw.random() < 0.02:
            occurred_ms = now_ms + 3_600_000
        attributes = {POISON: "yes"} if draw.random() < 0.06 else {}
        if self._count % 2:
            attributes["device"] = f"phone-{self._count % 12}"
        number = self._count if draw.random() < 0.97 else max(self._count - 3, 1)
        return Event(f"e{number}", member, occurred_ms, "shop", "", attributes, self._payload(), now_ms)

    def _payload(self) -> Payload:
        draw = self._random
        order = f"o{draw.randrange(12)}"
        kind = draw.randrange(15)
        if kind <= 4:
            return TransactionCompleted(order, draw.randrange(100, 20_000), "EUR", "app", "", "", [])
        if kind == 5:
            return TransactionRefunded(order, draw.randrange(100, 10_000), "EUR", "")
        if kind == 6:
            return MemberEnrolled("DE", "", "")
        if kind == 7:
            return ProfileChanged("FR", "vip", "")
        if kind == 8:
            return PointsAdjusted("points", draw.choice((-30, 40)), "goodwill", "ada")
        if kind <= 10:
            reward = draw.choice(("voucher", "trip", "mug", "mug", "film", "film"))
            return RedemptionRequested(f"r{draw.randrange(9)}", reward, draw.choice((1, 1, 2, 3)), "")
        if kind == 11:
            return RedemptionCancelled(f"r{draw.randrange(9)}", "")
        if kind == 12 and self.commands:
            command = draw.choice(self.commands)
            outcome = draw.choice(("confirmed", "failed", "unknown"))
            return FulfillmentOutcome(command.fulfillment_id, command.redemption_id, outcome, "", "")
        if kind == 14:
            return TransactionCancelled(order, draw.randrange(3))
        if kind == 13 and draw.random() < 0.5:
            return ReferralAccepted(f"ref{self._count}", draw.choice(draw.choice(MEMBERS)))
        return QuarantineReleased("ada", "")
