"""A log of one partition from a seed: every kind of record a lane can meet, and what the core makes of it."""

from __future__ import annotations

from random import Random

from core_programs import NONE, Limit, Period, Tier, Unit, program, rule, table
from fake_kafka import FakeBroker, FakeLog, FakeSession

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Derived
from pipeline.core.payloads import (
    FulfillmentOutcome,
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    ProfileChanged,
    ProgramActivated,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionRequested,
    ReferralAccepted,
    Tick,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.program import Program, Reward
from pipeline.core.reasons import WRONG_PARTITION
from pipeline.core.records import FulfillmentCommand
from pipeline.core.simulate import Simulation
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.partitioner import partition_of
from pipeline.wire.schemas import CommittedSchemas

START_MS = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000
POISON = "poison"
PARTITIONS = 3
SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)


class DecisionDefect(Exception):
    """What a defect in the core would raise."""


def not_poisoned(event: Event, _member: Member) -> bool:
    """A condition with a defect that poisoned events lay open."""
    if POISON in event.attributes:
        raise DecisionDefect(event.event_id)
    return True


def programs(names: str) -> list[Program]:
    """Programs with lots that wait and expire, tiers, limits and rewards; each gives another rate."""
    points = Unit("points", "floor", Period(1, 0))
    return [
        program(
            {
                "transaction_completed": table(
                    (rule("base", points, rate=(index, 1), pending=Period(0, 2 * DAY_MS)), not_poisoned),
                    rule("first", points, fixed=50, first_only=True, limits=(Limit(200, 0, "month"),)),
                ),
                "member_enrolled": table(rule("welcome", points, fixed=20)),
                "referral_joined": table(rule("referred", points, fixed=5, pending=NONE)),
            },
            program_hash=name * 64,
            units=(points,),
            tiers=(Tier("bronze", 0, 100), Tier("silver", 150, 120)),
            rewards=(Reward("voucher", points, 30, "house", (), ()), Reward("trip", points, 80, "external", (), ())),
        )
        for index, name in enumerate(names, 1)
    ]


class SeededLog:
    """Appends records to a fake source partition and keeps the simulation of them, which is the oracle, up to date."""

    def __init__(self, seed: int, broker: FakeBroker, topic: str, partition: int) -> None:
        self.random = Random(f"log {seed} {partition}")
        self.partition = partition
        self.log: FakeLog = broker.log(topic, partition)
        self._broker = broker
        self.programs = {one.program_hash: one for one in programs("ab")}
        self.oracle = Simulation(self, relay=False)
        self.now_ms = START_MS
        self.importing = self.random.random() < 0.3
        names = (f"m{i}" for i in range(1000))
        self.members = [name for name in names if partition_of(name.encode(), PARTITIONS) == partition][:5]
        self._strangers = [name for name in map(str, range(50)) if partition_of(name.encode(), PARTITIONS) != partition]
        self._count = 0
        self._sent: list[tuple[Event, bytes]] = []
        self._commands: list[FulfillmentCommand] = []
        self._derived: list[Derived] = []
        self._session: FakeSession | None = None
        for program_hash in self.programs:
            if program_hash.startswith("a"):
                self._control(ProgramActivated(program_hash, START_MS - 400 * DAY_MS, "ada", ""))

    def program(self, program_hash: str) -> Program:
        return self.programs[program_hash]

    def grow(self, records: int) -> None:
        """Append so many records, some of them within transactions, some of those aborted."""
        for _ in range(records):
            draw = self.random.random()
            self.now_ms += self.random.choice((1000, 60_000, 3_600_000, DAY_MS))
            if draw < 0.04:
                self._aborted()
            elif draw < 0.12:
                self._control(Tick("import" if self.importing else "live"))
            elif draw < 0.14:
                self._control(ProgramActivated("b" * 64, self.now_ms + 10 * 60_000, "ada", ""))
            elif draw < 0.19:
                self._malformed()
            elif draw < 0.27 and self._sent:
                event, value = self.random.choice(self._sent)
                self._append(event.member_id.encode(), value)
            elif draw < 0.32 and self._derived:
                derived = self._derived.pop(0).event
                if partition_of(derived.member_id.encode(), PARTITIONS) == self.partition:
                    self._send(derived)
            else:
                self._send(self._event())
        self.importing = self.importing and self.random.random() > 0.2

    # ---- one record

    def _control(self, control: Tick | ProgramActivated) -> None:
        value = ENCODER.tick(control) if isinstance(control, Tick) else ENCODER.program_activated(control)
        self._append(None, value)

    def _send(self, event: Event) -> None:
        value = ENCODER.event(event)
        self._sent.append((event, value))
        self._append(event.member_id.encode(), value)

    def _append(self, key: bytes | None, value: bytes) -> None:
        """Append, in a transaction of its own now and then, and let the oracle take the same record."""
        session = FakeSession() if self.random.random() < 0.1 else None
        offset = self.log.append(key, value, self.now_ms, session)
        if session is not None:
            self._broker.end_session(session, "committed")
        self._take(key, value, offset)

    def _take(self, key: bytes | None, value: bytes, offset: int) -> None:
        journal_before = len(self._journal())
        try:
            item = DECODER.decode(value, self.now_ms)
        except Undecodable as error:
            self.oracle.reject(0, "", error.reason, error.detail)
            return
        if isinstance(item, Event) and (
            key != item.member_id.encode() or partition_of(key, PARTITIONS) != self.partition
        ):
            self.oracle.reject(0, item.event_id, WRONG_PARTITION, "")
            return
        self.oracle.take(0, offset, self.now_ms, item)
        for output in self._journal()[journal_before:]:
            if isinstance(output, FulfillmentCommand):
                self._commands.append(output)
            elif isinstance(output, Derived):
                self._derived.append(output)

    def _journal(self) -> list[object]:
        return self.oracle.journal(0)

    def _aborted(self) -> None:
        """Records that never were."""
        session = FakeSession()
        for _ in range(self.random.randrange(1, 3)):
            event = self._event()
            self.log.append(event.member_id.encode(), ENCODER.event(event), self.now_ms, session)
        self._broker.end_session(session, "aborted")

    def _malformed(self) -> None:
        """Records that cannot be applied, each in its own way."""
        event = self._event()
        value = ENCODER.event(event)
        self._append(*self.random.choice((
            (b"x", b"no avro"),
            (b"x", b""),
            (event.member_id.encode(), value[:-2]),
            (b"other-key", value),
            (None, value),
            (event.member_id.encode(), b"\0\0\0\x7f\xff" + value[5:]),
        )))  # fmt: skip

    # ---- one event

    def _event(self) -> Event:
        draw = self.random
        self._count += 1
        member = draw.choice(self.members) if draw.random() < 0.98 else draw.choice(self._strangers)
        occurred = self.now_ms - draw.choice((0, 5_000, 3_600_000, 10 * DAY_MS, 200 * DAY_MS))
        if draw.random() < 0.02:
            occurred = self.now_ms + 3_600_000
        attributes = {POISON: "yes"} if draw.random() < 0.04 else {}
        event_id = f"e{self._count}" if draw.random() < 0.97 else f"e{max(self._count - 3, 1)}"
        return Event(event_id, member, occurred, "shop", "", attributes, self._payload(), self.now_ms)

    def _payload(self) -> Payload:
        draw = self.random
        order = f"o{draw.randrange(12)}"
        kind = draw.randrange(14)
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
            return RedemptionRequested(f"r{draw.randrange(6)}", draw.choice(("voucher", "trip")), 1, "")
        if kind == 11:
            return RedemptionCancelled(f"r{draw.randrange(6)}", "")
        if kind == 12 and self._commands:
            command = draw.choice(self._commands)
            outcome = draw.choice(("confirmed", "failed", "unknown"))
            return FulfillmentOutcome(command.fulfillment_id, command.redemption_id, outcome, "", "")
        if kind == 13 and draw.random() < 0.5:
            return ReferralAccepted(f"ref{self._count}", draw.choice(self.members))
        return QuarantineReleased("ada", "")
