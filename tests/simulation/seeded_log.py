"""The log of one world by a seed: all its partitions, in transactions or not, and what the core makes of them."""

from __future__ import annotations

from collections import Counter
from random import Random

from fake_kafka import FakeBroker, FakeSession
from seeded_events import DAY_MS, PARTITIONS, START_MS, SeededEvents, programs

from pipeline.core.events import Event
from pipeline.core.house import HOUSE
from pipeline.core.memory import Output
from pipeline.core.payloads import CohortBaseline, CohortBaselines, ProgramActivated, Tick
from pipeline.core.program import Program
from pipeline.core.reasons import WRONG_PARTITION
from pipeline.core.records import FulfillmentCommand
from pipeline.core.simulate import Simulation
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.partitioner import partition_of
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
PROGRAMS = programs("ab")
LATE_MS = 9 * 60_000
"""The broker takes timestamps that are so old, while live."""


class KnownPrograms:
    """All programmes, at once."""

    def program(self, program_hash: str) -> Program:
        return PROGRAMS[program_hash]


class SeededLog:
    """Appends records to the partitions of the fake log and keeps their simulation, which is the oracle, up to date.

    The oracle takes what is committed, in the order of each partition. `bites` counts what was provoked.
    """

    def __init__(self, seed: int, broker: FakeBroker, topic: str) -> None:
        self.random = Random(f"log {seed}")
        self.bites: Counter[str] = Counter()
        self.logs = [broker.log(topic, partition) for partition in range(PARTITIONS)]
        self.records = 0
        self.now_ms = START_MS
        self.importing = self.random.random() < 0.3
        self.oracle = Simulation(KnownPrograms(), PARTITIONS, relay=False)
        self._broker = broker
        self._events = [SeededEvents(self.random, partition) for partition in range(PARTITIONS)]
        self._sent: list[tuple[int, bytes, bytes]] = []
        self._taken = [0] * PARTITIONS
        self._journals_read = [0] * PARTITIONS
        self._hanging: FakeSession | None = None
        self._activate("a", START_MS - 400 * DAY_MS, None)

    def grow(self, records: int) -> None:
        """Append so many records to partitions by chance; then the oracle takes what is committed."""
        draw = self.random
        for _ in range(records):
            kind = draw.random()
            partition = draw.randrange(PARTITIONS)
            self.now_ms += draw.choice((1000, 60_000, 3_600_000, DAY_MS))
            if kind < 0.04:
                self._aborted(partition)
            elif kind < 0.12:
                self._tick(partition)
            elif kind < 0.13:
                self._program_published()
            elif kind < 0.18:
                self._malformed(partition)
            elif kind < 0.26 and self._sent:
                self.bites["event sent twice"] += 1
                self.append(*draw.choice(self._sent))
            else:
                event = self._events[partition].event(self._stamp())
                self._send(partition, event)
        self.importing = self.importing and draw.random() > 0.1
        self.catch_up()

    def append(
        self, partition: int, key: bytes | None, value: bytes, timestamp_ms: int = 0, session: FakeSession | None = None
    ) -> None:
        """Append one record; it is decided at once, but where a session is given. `timestamp_ms` 0 means now."""
        own = FakeSession() if session is None and self.random.random() < 0.05 else None
        self.logs[partition].append(key, value, timestamp_ms or self.now_ms, session or own)
        self.records += 1
        if own is not None:
            self._broker.end_session(own, "committed")

    def append_derived(self, partition: int, key: bytes | None, value: bytes, timestamp_ms: int) -> None:
        """What a relay appends: stamped with the time it asks for as far as the broker takes it."""
        oldest_ms = 0 if self.importing else self.now_ms - LATE_MS
        self.append(partition, key, value, max(timestamp_ms, oldest_ms) if timestamp_ms else 0)

    def settle(self) -> None:
        """Whoever left a transaction over the log open is timed out, or its commit gets through after all."""
        if self._hanging is not None:
            state = self.random.choice(("committed", "aborted"))
            self._broker.end_session(self._hanging, state)
            self.bites[f"open transaction on the log {state}"] += 1
            self._hanging = None
        self.catch_up()

    def catch_up(self) -> None:
        """Let the oracle take what readers of committed records see by now."""
        for partition, log in enumerate(self.logs):
            end = log.end()
            for offset, timestamp_ms, key, value in log.read(self._taken[partition], end):
                self._take(partition, offset, timestamp_ms, key, value or b"")
            self._taken[partition] = end
            journal = self.oracle.journal(partition)
            for output in journal[self._journals_read[partition] :]:
                if isinstance(output, FulfillmentCommand) and output.provider != HOUSE:
                    self._events[partition].commands.append(output)
            self._journals_read[partition] = len(journal)

    def journal(self, partition: int, kind: type | tuple[type, ...]) -> list[Output]:
        """What the oracle put out for a partition, of one kind or several."""
        return [output for output in self.oracle.journal(partition) if isinstance(output, kind)]

    # ---- one record

    def _take(self, partition: int, offset: int, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        try:
            item = DECODER.decode(value, timestamp_ms)
        except Undecodable as error:
            self.oracle.reject(partition, "", error.reason, error.detail)
            return
        if isinstance(item, Event) and (key != item.member_id.encode() or partition_of(key, PARTITIONS) != partition):
            self.oracle.reject(partition, item.event_id, WRONG_PARTITION, "")
            return
        self.oracle.take(partition, offset, timestamp_ms, item)

    def _stamp(self) -> int:
        """When a record says it was recorded: now, or while live a little earlier."""
        late = not self.importing and self.random.random() < 0.1
        return self.now_ms - self.random.randrange(LATE_MS) if late else self.now_ms

    def _send(self, partition: int, event: Event) -> None:
        record = (partition, event.member_id.encode(), ENCODER.event(event))
        self._sent.append(record)
        self.append(*record, event.recorded_at_ms)

    def _tick(self, partition: int) -> None:
        """Live, the owner of a partition writes ticks; an importer writes them everywhere."""
        value = ENCODER.tick(Tick("import" if self.importing else "live"))
        for each in range(PARTITIONS) if self.importing else (partition,):
            self.append(each, None, value)

    def _program_published(self) -> None:
        """In force soon, and so are cohort baselines; now and then the publisher dies with its transaction open, and
        readers stand before it."""
        if self._hanging is not None:
            return
        session = FakeSession()
        self._activate("b", self.now_ms + 10 * 60_000, session)
        self._measured(self.now_ms + 10 * 60_000, session)
        if self.random.random() < 0.5:
            self._hanging = session
            self.bites["open transaction on the log"] += 1
        else:
            self._broker.end_session(session, "committed")

    def _activate(self, name: str, effective_at_ms: int, session: FakeSession | None) -> None:
        value = ENCODER.program_activated(ProgramActivated(name * 64, effective_at_ms, "ada", ""))
        for partition in range(PARTITIONS):
            self.append(partition, None, value, 0, session)

    def _measured(self, effective_at_ms: int, session: FakeSession) -> None:
        """Baselines by which a member's day is far too much."""
        everybody = CohortBaseline("earned", "points", "all", "day", "", 1_000)
        record = CohortBaselines(f"b{self.records}", effective_at_ms, 0, 0, [990], [everybody], [20], "ada")
        for partition in range(PARTITIONS):
            self.append(partition, None, ENCODER.cohort_baselines(record), 0, session)

    def _aborted(self, partition: int) -> None:
        """Records that never were."""
        session = FakeSession()
        for _ in range(self.random.randrange(1, 3)):
            event = self._events[partition].event(self.now_ms)
            self.logs[partition].append(event.member_id.encode(), ENCODER.event(event), self.now_ms, session)
        self._broker.end_session(session, "aborted")

    def _malformed(self, partition: int) -> None:
        """Records that cannot be applied, each in its own way."""
        event = self._events[partition].event(self.now_ms)
        value = ENCODER.event(event)
        self.append(partition, *self.random.choice((
            (b"x", b"no avro"),
            (b"x", b""),
            (event.member_id.encode(), value[:-2]),
            (b"other-key", value),
            (None, value),
            (event.member_id.encode(), b"\0\0\0\x7f\xff" + value[5:]),
        )))  # fmt: skip
