"""Programs, events and a harness for tests of the core, built by hand: no YAML, no codec, no Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.core.campaigns import Campaign, Limit
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.fraud_program import FraudProgram
from pipeline.core.horizons import Horizons
from pipeline.core.member import Member
from pipeline.core.memory import Dead, Derived, Duplicate, MemoryOutputs, MemoryState, Output, Parked
from pipeline.core.payloads import (
    FulfillmentOutcome,
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    ProgramActivated,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionRequested,
    ReviewDecided,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Match, Period, Program, Reward, Rule, RuleTable, Unit
from pipeline.core.quarantine import QuarantineKey
from pipeline.core.records import FulfillmentCommand, LedgerEntry, RewardDecision, TierChange
from pipeline.core.tier_policy import TIERS_AS_QUALIFIED, Tier, TierPolicy
from pipeline.core.wallet import Wallet

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
NONE = Period(0, 0)
FLOOR_POINTS = Unit("points", "floor", NONE)

T = TypeVar("T")
Condition = Callable[[Event, Member], bool]


def ms(text: str) -> int:
    """Milliseconds of an ISO time; without a zone it is UTC, without a time midnight."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def rule(
    rule_id: str = "base",
    unit: Unit = FLOOR_POINTS,
    *,
    fixed: int = 0,
    per: int = 100,
    rate: tuple[int, int] = (1, 1),
    pending: Period = NONE,
    expires: Period | None = None,
    first_only: bool = False,
    cooldown_ms: int = 0,
    cooldown_any: bool = False,
    limits: tuple[Limit, ...] = (),
    tier_multiplies: bool = False,
    qualifies: bool = True,
    live: bool = True,
    campaign: Campaign | None = None,
) -> Rule:
    """A rule that gives 1 point per 100 of the value, unless told otherwise."""
    return Rule(
        rule_id,
        unit,
        fixed,
        per,
        rate[0],
        rate[1],
        pending,
        expires,
        first_only,
        cooldown_ms,
        cooldown_any,
        limits,
        tier_multiplies,
        qualifies,
        live,
        campaign=campaign,
    )


def amount_of(event: Event) -> int:
    """The amount of an event that has one, less what was paid with points; else 0."""
    amount = getattr(event.payload, "amount_minor", 0)
    assert isinstance(amount, int)
    return amount - getattr(event.payload, "points_paid_minor", 0)


def table(*rules: Rule | tuple[Rule, Condition]) -> RuleTable:
    """Rules that always match, or match by a condition; `of` is the event's amount."""
    conditions: list[Condition] = [
        one[1] if isinstance(one, tuple) else (lambda _event, _member: True) for one in rules
    ]

    def match(event: Event, _payload: Payload, member: Member, _errors: list[tuple[int, str]]) -> list[tuple[int, int]]:
        value = amount_of(event)
        return [(index, value) for index, holds in enumerate(conditions) if holds(event, member)]

    return RuleTable(tuple(one[0] if isinstance(one, tuple) else one for one in rules), match)


def program(
    rules: dict[str, RuleTable] | None = None,
    *,
    program_hash: str = "p" * 64,
    zone: str = "UTC",
    units: tuple[Unit, ...] = (FLOOR_POINTS,),
    tiers: tuple[Tier, ...] = (),
    rewards: Iterable[Reward] = (),
    currencies: frozenset[str] = frozenset({"EUR"}),
    clawback: str = "within_balance",
    enrolment: str = "automatic",
    returns_points: bool = True,
    tier_policy: TierPolicy = TIERS_AS_QUALIFIED,
    fraud: FraudProgram | None = None,
) -> Program:
    """A program that gives 1 point per 100 minor units of a purchase, unless told otherwise."""
    return Program(
        "test",
        program_hash,
        ZoneInfo(zone),
        {unit.unit_id: unit for unit in units},
        tiers,
        units[0].unit_id,
        {"transaction_completed": table(rule())} if rules is None else rules,
        {reward.reward_id: reward for reward in rewards},
        currencies,
        clawback,
        enrolment,
        returns_points,
        tier_policy,
        fraud=fraud,
    )


class FixedPrograms:
    """Programs by hash, from a list."""

    def __init__(self, *programs: Program) -> None:
        self.by_hash = {one.program_hash: one for one in programs}

    def program(self, program_hash: str) -> Program:
        if program_hash not in self.by_hash:
            raise UnknownProgram(program_hash)
        return self.by_hash[program_hash]


class Bench:
    """An engine over memory, driven by sentences: `bench.buy("e1", 1000)`, then looks at what came out.

    Each event is recorded when it occurs, at `now_ms`, unless told otherwise.
    """

    def __init__(
        self,
        *programs: Program,
        start: str = "2026-01-10T12:00:00",
        effective_at_ms: int = 0,
        horizons: Horizons | None = None,
        quarantined: frozenset[QuarantineKey] = frozenset(),
        careful: bool = False,
    ) -> None:
        self.now_ms = ms(start)
        self.state = MemoryState()
        self.out = MemoryOutputs()
        self.programs = FixedPrograms(*(programs or (program(),)))
        self.values: dict[bytes, Event] = {}
        self.engine = Engine(
            0,
            self.state,
            self.out,
            self.programs,
            lambda value, _: self.values[value],
            Horizons() if horizons is None else horizons,
            quarantined,
        )
        self.careful = careful
        self.offset = 0
        first = next(iter(self.programs.by_hash))
        self.engine.activate(ProgramActivated(first, effective_at_ms, "test", ""), self.now_ms)

    def at(self, text: str) -> Bench:
        """Let it be this time from now on."""
        self.now_ms = ms(text)
        return self

    def activate_next(self, effective_at_ms: int) -> None:
        """Put the bench's second programme in force from a time on."""
        second = list(self.programs.by_hash)[1]
        self.engine.activate(ProgramActivated(second, effective_at_ms, "test", ""), self.now_ms)

    def later(self, passed_ms: int) -> Bench:
        """Let time go by."""
        self.now_ms += passed_ms
        return self

    def send(
        self,
        event_id: str,
        payload: Payload,
        member_id: str = "m",
        *,
        occurred_at_ms: int | None = None,
        source: str = "shop",
    ) -> list[Output]:
        """Apply an event recorded now; returns what came out."""
        occurred = self.now_ms if occurred_at_ms is None else occurred_at_ms
        return self.apply(Event(event_id, member_id, occurred, source, "", {}, payload, self.now_ms))

    def apply(self, event: Event) -> list[Output]:
        mark = self.out.mark()
        value = str(self.offset).encode()
        self.values[value] = event
        if self.careful:
            self.engine.apply_carefully(event, value, self.offset)
        else:
            self.engine.apply(event, value, self.offset)
        self.offset += 1
        return self.out.journal[mark:]

    def enrol(self, event_id: str = "enrol", member_id: str = "m") -> list[Output]:
        return self.send(event_id, MemberEnrolled("", "", ""), member_id)

    def buy(
        self,
        event_id: str,
        amount_minor: int,
        member_id: str = "m",
        *,
        order_id: str | None = None,
        occurred_at_ms: int | None = None,
    ) -> list[Output]:
        order = f"order-{event_id}" if order_id is None else order_id
        payload = TransactionCompleted(order, amount_minor, "EUR", "", "", "", [])
        return self.send(event_id, payload, member_id, occurred_at_ms=occurred_at_ms)

    def refund(self, event_id: str, order_id: str, amount_minor: int, member_id: str = "m") -> list[Output]:
        return self.send(event_id, TransactionRefunded(order_id, amount_minor, "EUR", ""), member_id)

    def redeem(
        self, event_id: str, reward_id: str = "voucher", quantity: int = 1, redemption_id: str | None = None
    ) -> list[Output]:
        redemption = f"redemption-{event_id}" if redemption_id is None else redemption_id
        return self.send(event_id, RedemptionRequested(redemption, reward_id, quantity, ""))

    def outcome(self, event_id: str, redemption_id: str, outcome: str) -> list[Output]:
        """The provider's outcome of the member's latest command for the redemption."""
        commands = [one for one in self.of(FulfillmentCommand) if one.redemption_id == redemption_id]
        payload = FulfillmentOutcome(commands[-1].fulfillment_id, redemption_id, outcome, "", "")
        return self.send(event_id, payload, source="provider")

    def cancel(self, event_id: str, redemption_id: str) -> list[Output]:
        return self.send(event_id, RedemptionCancelled(redemption_id, ""))

    def adjust(self, event_id: str, points: int, unit: str = "") -> list[Output]:
        return self.send(event_id, PointsAdjusted(unit, points, "goodwill", "ada"))

    def release(self, event_id: str, member_id: str = "m") -> list[Output]:
        return self.send(event_id, QuarantineReleased("ada", ""), member_id, source="ops")

    def verdict(self, event_id: str, review_id: str, verdict: str = "approve", reviewer: str = "ada") -> list[Output]:
        return self.send(event_id, ReviewDecided(review_id, verdict, reviewer, "looked at"), source="desk")

    def member(self, member_id: str = "m") -> Member:
        return self.state.members[member_id]

    def wallet(self, unit: str = "points", member_id: str = "m") -> Wallet:
        return self.state.members[member_id].wallets[unit]

    def balances(self, unit: str = "points", member_id: str = "m") -> tuple[int, int, int, int]:
        """(available, pending, held, debt)."""
        wallet = self.wallet(unit, member_id)
        return (wallet.available, wallet.pending, wallet.held, wallet.debt)

    def of(self, kind: type[T]) -> list[T]:
        return of(kind, self.out.journal)

    @property
    def decisions(self) -> list[RewardDecision]:
        return of(RewardDecision, self.out.journal)

    @property
    def entries(self) -> list[LedgerEntry]:
        return of(LedgerEntry, self.out.journal)

    @property
    def reason(self) -> str:
        """Reason of the latest refusal or dead letter among the outputs, "" if the latest event was applied."""
        for output in reversed(self.out.journal):
            if isinstance(output, RewardDecision | Dead):
                return output.reason
        raise AssertionError("no decision and no dead letter")


def of(kind: type[T], outputs: Iterable[Output]) -> list[T]:
    """The outputs of one kind."""
    return [output for output in outputs if isinstance(output, kind)]


def moves(outputs: Iterable[Output]) -> list[tuple[str, int, str, str]]:
    """(kind, amount, debit, credit) of the entries, accounts without the member."""
    return [
        (entry.kind, entry.amount, entry.debit.split(":")[-1], entry.credit.split(":")[-1])
        for entry in of(LedgerEntry, outputs)
    ]


__all__ = [
    "DAY_MS",
    "HOUR_MS",
    "NONE",
    "Bench",
    "Condition",
    "Dead",
    "Derived",
    "Duplicate",
    "FixedPrograms",
    "Limit",
    "Match",
    "Output",
    "Parked",
    "Period",
    "Reward",
    "RewardDecision",
    "Tier",
    "TierChange",
    "TierPolicy",
    "Unit",
    "moves",
    "ms",
    "of",
    "program",
    "rule",
    "table",
]
