"""Workers that own one partition in turn, crash, hang on as zombies and lose their stores, all by one seed."""

from __future__ import annotations

from random import Random

from fake_kafka import FakeBroker, FakeReader, FakeTransaction
from fake_store import FakeClock, FakeStore
from seeded_log import DECODER, ENCODER, PARTITIONS, START_MS, SeededLog

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated, Tick
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.lane.changelog import Changelog, Restored
from pipeline.lane.lane import Lane, LaneSetup
from pipeline.lane.outputs import LaneOutputs, OutputTopics
from pipeline.lane.ports import Batch, LaneBroken, LaneClosing, LaneFailed
from pipeline.wire.codec import RegistryUnavailable

TOPICS = OutputTopics(lambda name: name)
TOMBSTONES_KEPT_MS = 3_600_000
CRASHES = {
    "reader.read": 0.02,
    "fence:before": 0.02,
    "fence:after": 0.05,
    "begin": 0.02,
    "send": 0.004,
    "commit:before": 0.05,
    "commit:after": 0.06,
    "store.write:before": 0.04,
    "store.write:after": 0.04,
}
FAILURES = {
    "reader.bounds": 0.02,
    "reader.read": 0.02,
    "begin": 0.01,
    "send": 0.002,
    "commit:before": 0.03,
    "commit:after": 0.04,
    "store.get": 0.002,
    "store.get_many": 0.01,
    "store.write:before": 0.01,
}
MISSING = 0.02


class Crash(BaseException):
    """The process is gone. No handler of the code under test may take it for an error."""


class Silent:
    """An observer that remembers what it was told last."""

    def __init__(self) -> None:
        self.openings: list[Restored] = []
        self.waits = 0

    def restoring(self, records: int, to_go: int) -> None:
        assert records >= 0
        assert to_go >= 0

    def opened(self, position: int, restored: Restored, seconds: float) -> None:
        assert position >= 0
        self.openings.append(restored)

    def waiting(self, why: Exception, seconds: float) -> None:
        assert isinstance(why, UnknownProgram | RegistryUnavailable)
        self.waits += 1

    def committed(self, records: int, outputs: LaneOutputs, seconds: float) -> None:
        assert records >= 0


class World:
    """One partition, two workers. `run` lets them work at random; `drain` lets one of them finish in peace."""

    def __init__(self, seed: int, partition: int) -> None:
        self.random = Random(f"world {seed} {partition}")
        self.partition = partition
        self.broker = FakeBroker()
        self.source = SeededLog(seed, self.broker, TOPICS.source, partition)
        self.clock = FakeClock(START_MS)
        self.observer = Silent()
        self.stores: list[dict[bytes, bytes]] = [{}, {}]
        self.lanes: list[Lane | None] = [None, None]
        self.fetched = [0, 0]
        self.faulty = True
        self.crashes = 0
        self.failures = 0

    def point(self, place: str) -> None:
        """What the ports call: here the process may die, or the call fail."""
        if not self.faulty:
            return
        if self.random.random() < CRASHES.get(place, 0):
            self.crashes += 1
            raise Crash(place)
        if self.random.random() < FAILURES.get(place, 0):
            self.failures += 1
            raise LaneFailed(f"{place} fails")

    def program(self, program_hash: str) -> Program:
        """The programs topic: now and then behind the log."""
        if self.faulty and self.random.random() < MISSING:
            raise UnknownProgram(program_hash)
        return self.source.programs[program_hash]

    def decode(self, value: bytes, recorded_at_ms: int, /) -> Event | Tick | ProgramActivated:
        """The decoder: now and then it would have to ask a registry that is away."""
        if self.faulty and self.random.random() < MISSING / 4:
            raise RegistryUnavailable("away")
        return DECODER.decode(value, recorded_at_ms)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            draw = self.random.random()
            worker = self.random.randrange(2)
            if draw < 0.25:
                self.source.grow(self.random.randrange(1, 8))
            elif draw < 0.30:
                kept_from_ms = self.clock.now_ms() - TOMBSTONES_KEPT_MS
                self.broker.log(TOPICS.changelog, self.partition).compact(kept_from_ms)
            elif draw < 0.33:
                self.stores[worker].clear()
                self.lanes[worker] = None
            elif draw < 0.36:
                self.clock.time_ms += 2 * TOMBSTONES_KEPT_MS
            elif draw < 0.42:
                self.lanes[worker] = None  # the worker is killed between two steps
            else:
                self.work(worker)

    def drain(self, worker: int) -> None:
        """Without faults, everything that is in the log is processed."""
        self.faulty = False
        self.lanes = [None, None]
        end = self.source.log.end()
        while self.lanes[worker] is None or self.fetched[worker] < end:
            before = self.fetched[worker] if self.lanes[worker] is not None else -1
            self.work(worker)
            if self.fetched[worker] == before and not self.source.log.read(before, end):
                break

    def work(self, worker: int) -> None:
        """Open the worker's lane, or give it the next batch; what fails is done again later."""
        try:
            lane = self.lanes[worker]
            if lane is None:
                lane = self.open(worker)
                self.lanes[worker] = lane
                self.fetched[worker] = lane.position
                return
            batch = self.next_batch(worker)
            if batch is not None:
                lane.process(batch)
                assert lane.position == batch.end, (lane.position, batch)
        except (Crash, LaneFailed):
            self.lanes[worker] = None
        except (LaneBroken, LaneClosing) as error:
            raise AssertionError(f"no invariant is broken here: {error}") from error

    def open(self, worker: int) -> Lane:
        changelog = Changelog(TOPICS.changelog, TOPICS.ids, self.partition, b"origin", TOMBSTONES_KEPT_MS)
        setup = LaneSetup(self.partition, PARTITIONS, TOPICS, changelog, Horizons(), 2, self.random.choice((3, 1000)))
        lane = Lane(
            setup,
            FakeReader(self.broker, self.point),
            FakeTransaction(self.broker, "lane", self.partition, self.point, self.clock.now_ms),
            FakeStore(self.stores[worker], self.point),
            self.clock,
            self,
            self,
            ENCODER,
            self.observer,
        )
        lane.open()
        return lane

    def next_batch(self, worker: int) -> Batch | None:
        """What a fetcher would cut next; now and then it loses a batch or repeats one, as Faust may."""
        start = self.fetched[worker]
        records = self.source.log.read(start, self.source.log.end())[: self.random.randrange(1, 12)]
        if not records:
            return None
        batch = Batch(records, start, records[-1][0] + 1)
        self.fetched[worker] = batch.end
        if self.faulty and self.random.random() < 0.03:
            return self.next_batch(worker)  # this one is lost
        if self.faulty and self.random.random() < 0.03:
            self.fetched[worker] = start  # this one will come twice
        return batch
