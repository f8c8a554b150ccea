"""Events per second of the engine alone, with state and outputs in memory: `python -m bench.core [events]`.

The load is like the demo's: 5,000 members of very different activity, three rules that match a purchase (earning with
tiers, a monthly limit, a cooldown), expiry, one redemption in twenty events, one refund in fifty, one repeated event in
a hundred. Prints µs of CPU per event by kind of event, and the whole; take ratios, not absolute figures.
"""

import gc
import random
import sys
import time
from zoneinfo import ZoneInfo

from pipeline.core.campaigns import Limit
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.member import Member
from pipeline.core.memory import MemoryState
from pipeline.core.payloads import (
    Payload,
    ProgramActivated,
    RedemptionRequested,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.program import Period, Program, Reward, Rule, RuleTable, Unit
from pipeline.core.records import (
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    Notification,
    PoolRequest,
    ReviewChange,
    RewardDecision,
    TierChange,
)
from pipeline.core.tier_policy import Tier

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000
MEMBERS = 5_000
SECONDS_BETWEEN_EVENTS = 30


class CountingOutputs:
    """Counts, and keeps nothing, as a lane that encodes at once."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries = 0

    def entry(self, entry: LedgerEntry) -> None:
        self.entries += 1

    def tier_change(self, change: TierChange) -> None: ...
    def decision(self, decision: RewardDecision) -> None: ...
    def command(self, command: FulfillmentCommand) -> None: ...
    def alert(self, alert: FraudAlert) -> None: ...
    def review(self, change: ReviewChange) -> None: ...

    def pool_request(self, request: PoolRequest) -> None: ...
    def notification(self, notification: Notification) -> None: ...
    def derived(self, event: Event, log_time_ms: int) -> None: ...
    def dead_letter(self, reason: str, detail: str, event: Event | None) -> None: ...
    def duplicate(self, event: Event) -> None: ...
    def parked(self, event: Event) -> None: ...

    def mark(self) -> int:
        return 0

    def rollback(self, mark: int) -> None: ...


class OneProgram:
    """One compiled program under every hash."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def program(self, program_hash: str) -> Program:
        return self._program


def match(event: Event, payload: Payload, member: Member, errors: list[tuple[int, str]]) -> list[tuple[int, int]]:
    """As generated from three conditions that hold."""
    assert isinstance(payload, TransactionCompleted)
    amount_minor = payload.amount_minor
    return [(0, amount_minor), (1, amount_minor), (2, 0)]


def program() -> Program:
    """Three rules on purchases, four tiers, one reward."""
    points = Unit("points", "floor", Period(12, 0))
    none = Period(0, 0)
    rules = (
        Rule("base", points, 0, 100, 1, 1, Period(0, 14 * DAY_MS), None, False, 0, False, (), True, True, True),
        Rule(
            "campaign",
            points,
            0,
            100,
            1,
            2,
            none,
            None,
            False,
            0,
            False,
            (Limit(5000, 0, "month"),),
            False,
            False,
            True,
        ),
        Rule("thanks", points, 10, 1, 1, 1, none, None, False, 3_600_000, False, (), False, False, True),
    )
    tiers = (
        Tier("bronze", 0, 100),
        Tier("silver", 2_000, 110),
        Tier("gold", 10_000, 125),
        Tier("platinum", 50_000, 150),
    )
    return Program(
        "bench",
        "b" * 64,
        ZoneInfo("Europe/Amsterdam"),
        {"points": points},
        tiers,
        "points",
        {"transaction_completed": RuleTable(rules, match)},
        {"voucher": Reward("voucher", points, 100, "house", (), ())},
        frozenset({"EUR"}),
        "within_balance",
        "automatic",
    )


def load(count: int) -> list[tuple[str, Event]]:
    """(kind, event), the same for every run."""
    chance = random.Random(20260101)
    events: list[tuple[str, Event]] = []
    orders: dict[str, str] = {}
    for number in range(count):
        member_id = f"member-{int(MEMBERS * chance.random() ** 3):05d}"
        at_ms = START_MS + number * SECONDS_BETWEEN_EVENTS * 1000
        draw = chance.random()
        payload: Payload
        if draw < 0.01 and events:
            events.append(("repeated", events[-1][1]))
            continue
        if draw < 0.06:
            kind, payload = "redemption", RedemptionRequested(f"redemption-{number}", "voucher", 1, "app")
        elif draw < 0.08 and member_id in orders:
            kind, payload = "refund", TransactionRefunded(orders.pop(member_id), 500, "EUR", "")
        else:
            kind = "purchase"
            orders[member_id] = f"order-{number:08d}"
            amount_minor = chance.randrange(500, 20_000)
            payload = TransactionCompleted(orders[member_id], amount_minor, "EUR", "store", "store-12", "NL", [])
        events.append((kind, Event(f"event-{number:08d}", member_id, at_ms, "shop", "", {}, payload, at_ms)))
    return events


def decode(value: bytes, recorded_at_ms: int) -> Event:
    """Nothing is parked in this load."""
    raise AssertionError("a record was parked")


def main(count: int) -> None:
    """Run the load once and print what it cost."""
    events = load(count)
    state = MemoryState()
    outputs = CountingOutputs()
    engine = Engine(0, state, outputs, OneProgram(program()), decode, Horizons())
    engine.activate(ProgramActivated("b" * 64, 0, "bench", ""), START_MS)
    gc.collect()
    gc.freeze()
    gc.disable()  # as a lane does within a batch
    spent_ns: dict[str, int] = {}
    counts: dict[str, int] = {}
    for offset, (kind, event) in enumerate(events):
        start_ns = time.thread_time_ns()
        engine.apply(event, b"", offset)
        spent_ns[kind] = spent_ns.get(kind, 0) + time.thread_time_ns() - start_ns
        counts[kind] = counts.get(kind, 0) + 1
    total_ns = sum(spent_ns.values())
    for kind, count_of_kind in sorted(counts.items()):
        print(f"{kind:12} {count_of_kind:9,} events  {spent_ns[kind] / count_of_kind / 1000:7.2f} µs each")
    print(
        f"{'all':12} {len(events):9,} events  {total_ns / len(events) / 1000:7.2f} µs each, "
        f"{len(events) * 1e9 / total_ns:,.0f} events/s, {outputs.entries / len(events):.2f} entries an event"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
