"""Cost of the fraud stage: `python -m bench.fraud [events]`.

Decides the same events under the same programme without signals, with those that look at the member alone, and with
all of them, in turns, and prints µs of CPU per event of each, their difference, and the bytes that what the signals
remember takes in a packed member. Members buy, bring back, redeem, refer each other, change devices and places like
people; one in fifty redeems in bursts, one in ten shares a device with nine others, one purchase in seven is with a
partner. What is learned is the sample's. What pools of signals are asked is answered at once; the answers are records
of their own, told apart. Take the difference, not the absolute figures.
"""

import gc
import random
import statistics
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.core import CountingOutputs, OneProgram, match
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.fraud_model import NO_MODEL, Model
from pipeline.core.fraud_program import Counter, FraudProgram, ReviewTerms, Signal
from pipeline.core.horizons import Horizons
from pipeline.core.ledger import SOURCE
from pipeline.core.member import Member
from pipeline.core.memory import MemoryPools, MemoryState
from pipeline.core.payloads import (
    Payload,
    ProfileChanged,
    ProgramActivated,
    RedemptionRequested,
    ReferralJoined,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.pools import answer_event, decide
from pipeline.core.program import Period, Program, Reward, Rule, RuleTable, Unit
from pipeline.core.records import PoolRequest
from pipeline.program import compile_bundle, load_program
from pipeline.wire.state import pack_member

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_767_225_600_000
MEMBERS = 1_000
ROUNDS = 5
POINTS = Unit("points", "floor", Period(12, 0))
NONE = Counter("", "member", "", 0, 0)
GUARDED = Path(__file__).resolve().parents[1] / "programs" / "guarded"
MARKS = ["0123456789ab"]
"""A device of whoever refers: nobody's own."""


def learned() -> Model:
    """The sample's."""
    fraud = compile_bundle(load_program(GUARDED)).fraud
    return NO_MODEL if fraud is None else fraud.model


def signals(model: Model, *, across: bool) -> FraudProgram:
    """One of every kind, over sliding and calendar windows, by member and by device; those across members if told."""
    sliding = Counter("r", "member", "", DAY_MS, 12)
    redeemed = Counter("R:points", "member", "", DAY_MS, 48)
    attempts = Counter("a", "member", "", HOUR_MS // 6, 42)
    earned = Counter("E:points/month", "member", "month", 0, 0)
    bought = Counter("v:bought:by-device", "device", "day", 0, 0)
    spent = Counter("s/month", "member", "month", 0, 0)
    back = Counter("b/month", "member", "month", 0, 0)
    habit = Counter("h:earned:points", "member", "habit", 0, 0)

    def velocity(name: str, action: str, measure: str, most: int, length_ms: int, counter: Counter) -> Signal:
        unit = "points" if measure in ("earned", "redeemed") else ""
        return Signal(name, "velocity", action, True, measure, unit, most, length_ms, counter, name)

    def trait(kind: str, measure: str, action: str, most: int = 0, length_ms: int = 0, after: int = 0) -> Signal:
        named = frozenset({"KP"}) if kind == "country" else frozenset()
        return Signal(kind, kind, action, True, measure, "", most, length_ms, NONE, kind, after=after, values=named)

    together = (
        Signal("shared", "members", "allow", True, "device", "", 4, 30 * DAY_MS, NONE, "shared"),
        Signal("ring", "ring", "deny", True, "", "", 1, 0, NONE, "ring", 6),
        Signal("selves", "referral", "deny", True, "device", "", 1, 0, NONE, "selves"),
        Signal("senders", "senders", "freeze", True, "", "", 5, 7 * DAY_MS, NONE, "senders"),
        Signal(
            "partner", "partner", "review", True, "", "points", 0, DAY_MS, NONE, "partner", 10, after=5, least=10**6
        ),
    )
    return FraudProgram(
        (
            velocity("hourly", "deny", "redemptions", 1, HOUR_MS, sliding),
            velocity("daily", "deny", "redemptions", 5, DAY_MS, sliding),
            velocity("points", "review", "redeemed", 20_000, DAY_MS, redeemed),
            velocity("burst", "freeze", "attempts", 20, HOUR_MS // 6, attempts),
            velocity("monthly", "clip", "earned", 10**9, 0, earned),
            velocity("bought", "deny", "events", 10**6, 0, bought),
            Signal(
                "cap", "spending", "clip", True, "earned", "points", 10**6, 0, earned, "cap", 1, spent
            ),
            Signal("habit", "history", "review", True, "earned", "points", 50, 0, habit, "habit", 10, after=5),
            trait("travel", "", "review", 900),
            trait("country", "country", "deny"),
            trait("place", "place", "allow", after=5),
            trait("takeover", "device", "deny", length_ms=DAY_MS),
            Signal("refunds", "refunds", "freeze", True, "", "", 80, 0, back, "refunds", 0, spent, 4),
            trait("learned", "", "review", 10**6),
            *(together if across else ()),
        ),
        {"bought": ("transaction_completed",)},
        terms=ReviewTerms(7 * DAY_MS, False, 10_000),
        model=model,
    )  # fmt: skip


def program(fraud: FraudProgram | None) -> Program:
    """Three rules on purchases, one reward."""
    none = Period(0, 0)
    rules = tuple(
        Rule(name, POINTS, fixed, 100, 1, 1, none, None, False, 0, False, (), False, False, True)
        for name, fixed in (("base", 0), ("campaign", 0), ("thanks", 10))
    )
    return Program(
        "bench", "b" * 64, ZoneInfo("Europe/Amsterdam"), {"points": POINTS}, (), "points",
        {"transaction_completed": RuleTable(rules, match)},
        {"voucher": Reward("voucher", POINTS, 100, "house", (), ())},
        frozenset({"EUR"}), "within_balance", "automatic", fraud=fraud,
    )  # fmt: skip


def events(count: int) -> list[Event]:
    """Purchases, and one event in eight something else."""
    draw = random.Random(3)
    found: list[Event] = []
    now_ms = START_MS
    bought: dict[int, TransactionCompleted] = {}
    for number in range(count):
        now_ms += 90 * DAY_MS // count
        who = draw.randrange(MEMBERS)
        kind = draw.random()
        purchase = TransactionCompleted(f"o{number}", draw.randrange(500, 20_000), "EUR", country="NL")
        payload: Payload = purchase
        if kind < 0.08 or (who % 50 == 0 and kind < 0.5):
            payload = RedemptionRequested(f"r{number}", "voucher")
        elif kind < 0.1:
            payload = ProfileChanged("NL")
        elif kind < 0.12 and who in bought:
            payload = TransactionRefunded(bought[who].order_id, bought.pop(who).amount_minor, "EUR")
        elif kind < 0.125:
            payload = ReferralJoined(f"j{number}", f"member-{(who + 1) % MEMBERS:05}", MARKS)
        else:
            bought[who] = purchase
        place = draw.randrange(3)
        told = {
            "device": f"device-{who}-{draw.randrange(2)}" if who % 10 else f"device-{who // 100}",
            "place": f"store-{who % 20}-{place}",
            "country": "NL",
            "lat": f"52.{3600 + who % 20 * 7 + place}",
            "lon": f"4.{8900 + place}",
        }
        if kind > 0.87:
            told["partner"] = f"partner-{number % 8}"
        source = SOURCE if isinstance(payload, ReferralJoined) else "shop"
        found.append(Event(f"e{number}", f"member-{who:05}", now_ms, source, "", told, payload, now_ms))
    return found


class AskingOutputs(CountingOutputs):
    """Keeps what pools are asked until it is answered."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[PoolRequest] = []

    def pool_request(self, request: PoolRequest) -> None:
        self.asked.append(request)


def answer(engine: Engine, pools: MemoryPools, asked: list[PoolRequest]) -> tuple[int, float]:
    """Answer all that pools were asked. Returns (answers, seconds of CPU)."""
    start = time.process_time()
    answers = 0
    while asked:
        request = asked.pop()
        found = decide(pools, request)
        if found is not None:
            engine.apply(answer_event(request, found, request.recorded_at_ms), b"", 0)
            answers += 1
    return answers, time.process_time() - start


def run(fraud: FraudProgram | None, log: list[Event]) -> tuple[float, float, MemoryState]:
    """(µs of CPU per event, µs per answer of a pool with what it costs the pool, the state afterwards)."""
    state, out, pools = MemoryState(), AskingOutputs(), MemoryPools()
    engine = Engine(0, state, out, OneProgram(program(fraud)), lambda _v, _t: log[0], Horizons())
    engine.activate(ProgramActivated("b" * 64, 0, "bench", ""), START_MS)
    gc.collect()
    gc.disable()
    answers, answering = 0, 0.0
    start = time.process_time()
    for offset, event in enumerate(log):
        engine.apply(event, b"", offset)
        if out.asked:
            count, seconds = answer(engine, pools, out.asked)
            answers += count
            answering += seconds
    used = time.process_time() - start - answering
    gc.enable()
    return used / len(log) * 1e6, answering / max(answers, 1) * 1e6, state


def remembered(member: Member) -> int:
    """Bytes of the packed member that fraud signals take."""
    whole = len(pack_member(member))
    counts, reviews = member.counts, member.reviews
    member.counts, member.reviews = None, {}
    bare = len(pack_member(member))
    member.counts, member.reviews = counts, reviews
    return whole - bare


def main() -> None:
    """Measure and print."""
    log = events(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000)
    plain: list[float] = []
    alone: list[float] = []
    watched: list[float] = []
    answers: list[float] = []
    state = MemoryState()
    model = learned()
    for _ in range(ROUNDS):
        plain.append(run(None, log)[0])
        alone.append(run(signals(model, across=False), log)[0])
        cost, each, state = run(signals(model, across=True), log)
        watched.append(cost)
        answers.append(each)
    own, stage = (
        statistics.median(one - other for one, other in zip(costs, plain, strict=True)) for costs in (alone, watched)
    )
    sizes = sorted(remembered(member) for member in state.members.values())
    print(f"without signals {statistics.median(plain):7.2f} us an event")
    print(f"all signals     {statistics.median(watched):7.2f} us an event")
    print(f"fraud stage     {stage:7.2f} us an event, {own:.2f} of it without signals across members")
    print(f"answer of a pool{statistics.median(answers):7.2f} us each")
    print(f"fraud state     {sizes[len(sizes) // 2]} bytes a member, at most {sizes[-1]}")


if __name__ == "__main__":
    main()
