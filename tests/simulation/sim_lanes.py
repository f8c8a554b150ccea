"""The lanes of simulated workers: the product's lanes over fake ports, opened, fed and given up by chance."""

from __future__ import annotations

from functools import partial

from fake_kafka import FakeBroker, FakeReader, FakeTransaction, Fenced
from fake_store import FakeClock, FakeDisk, FakeStore
from seeded_events import PARTITIONS
from seeded_log import DECODER, ENCODER, PROGRAMS, SeededLog
from sim_faults import PROGRAM_MISSING, REGISTRY_AWAY, Crash, Faults

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import Control
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.lane.changelog import LOAD_FROM, Changelog, Restored
from pipeline.lane.commit import transactional_id
from pipeline.lane.lane import Lane, LaneSetup
from pipeline.lane.outputs import LOG_TIME_HEADER, LaneOutputs, OutputTopics
from pipeline.lane.ports import Batch, LaneBroken, LaneClosing, LaneFailed, Record
from pipeline.lane.relay import Carry, RelayLane, relayed
from pipeline.lane.table_lane import TableLane
from pipeline.partners.house import answered
from pipeline.wire.codec import RegistryUnavailable

TOPICS = OutputTopics(lambda name: name)
WORKERS = 2
TOMBSTONES_KEPT_MS = 3_600_000
APP_ID = "simulated"

Place = tuple[int, int]
"""(worker, partition)."""


class Silent:
    """An observer that counts what it is told."""

    def __init__(self, faults: Faults) -> None:
        self.bites = faults.bites

    def restoring(self, *progress: object) -> None:
        assert progress

    def opened(self, position: int, restored: Restored, seconds: float) -> None:
        assert position >= 0
        if "deletions are kept" in restored.wiped:
            self.bites["store too old, wiped"] += 1
        else:
            assert not restored.wiped, f"a sound store was wiped: {restored.wiped}"

    def waiting(self, why: Exception, seconds: float) -> None:
        assert isinstance(why, UnknownProgram | RegistryUnavailable)

    def committed(self, records: int, outputs: LaneOutputs, seconds: float) -> None:
        assert records >= 0


class Opened:
    """An open lane and the end of what was fetched for it."""

    def __init__(self, lane: Lane | RelayLane | TableLane) -> None:
        self.lane = lane
        self.fetched = lane.position


class SimLanes:
    """The lanes that decide, by worker and partition; two workers may believe that they own the same one."""

    def __init__(self, broker: FakeBroker, log: SeededLog, clock: FakeClock, faults: Faults) -> None:
        self.broker = broker
        self.disks = {(worker, partition): FakeDisk() for worker in range(WORKERS) for partition in range(PARTITIONS)}
        self.open: dict[Place, Opened] = {}
        self.clock = clock
        self._log = log
        self._faults = faults
        self._random = faults.random
        self._observer = Silent(faults)

    def program(self, program_hash: str) -> Program:
        """The programs topic: now and then behind the log."""
        if self._faults.happens("program not there yet", PROGRAM_MISSING):
            raise UnknownProgram(program_hash)
        return PROGRAMS[program_hash]

    def decode(self, value: bytes, recorded_at_ms: int, /) -> Event | Control:
        """The decoder: now and then it would have to ask a registry that is away."""
        if self._faults.happens("registry away", REGISTRY_AWAY):
            raise RegistryUnavailable("away")
        return DECODER.decode(value, recorded_at_ms)

    def work(self, place: Place) -> bool:
        """Open the lane, or give it its next batch; what fails is done again later. Whether there was work to do."""
        opened = self.open.pop(place, None)
        try:
            if opened is None:
                self.open[place] = Opened(self._open(place))
                return True
            batch = self._next_batch(place[1], opened)
            if batch is not None:
                assert isinstance(opened.lane, Lane)
                opened.lane.process(batch)
                assert opened.lane.position == batch.end, (opened.lane.position, batch)
            self.open[place] = opened
            return batch is not None
        except Fenced:
            self._faults.bites["zombie shut out"] += 1
        except (Crash, LaneFailed):
            pass  # counted where it was caused; the lane is given up
        except (LaneBroken, LaneClosing) as error:
            raise AssertionError(f"I9: the lane of partition {place[1]} stands still: {error!r}") from error
        return True

    def position(self, place: Place) -> int:
        """How far the lane has come, -1 while it is not open."""
        opened = self.open.get(place)
        return -1 if opened is None else opened.lane.position

    def _open(self, place: Place) -> Lane:
        worker, partition = place
        point = self._faults.point(worker, partition)
        lane = Lane(
            self._setup(partition),
            FakeReader(self.broker, point, self._random.choice((2, 20, 200))),
            FakeTransaction(
                self.broker, transactional_id(APP_ID, TOPICS.source, partition), partition, point, self.clock.now_ms
            ),
            FakeStore(self.disks[place], point),
            self.clock,
            self,
            self,
            ENCODER,
            self._observer,
        )
        lane.open()
        return lane

    def _setup(self, partition: int) -> LaneSetup:
        """Transactions are cut early, and a store counts as far behind after a few records, now and then."""
        changelog = changelog_of(partition)
        load_from = self._random.choice((20, LOAD_FROM))
        changelog.restore = partial(changelog.restore, load_from=load_from)  # type: ignore[method-assign]
        return LaneSetup(partition, PARTITIONS, TOPICS, changelog, Horizons(), 2, self._random.choice((3, 1000)))

    def _next_batch(self, partition: int, opened: Opened) -> Batch | None:
        """What a fetcher would cut next; now and then it loses a batch or repeats one, as Faust may."""
        log = self._log.logs[partition]
        start, end = opened.fetched, log.end()
        records = log.read(start, end, self._random.randrange(1, 24))
        if not records:
            self._faults.stalls(log, end)
            return None
        batch = Batch(self._faults.passed_over(records), start, records[-1][0] + 1)
        opened.fetched = batch.end
        if self._faults.happens("batch lost", 0.03):
            return self._next_batch(partition, opened)
        if self._faults.happens("batch delivered twice", 0.03):
            opened.fetched = start
        return batch


class SimRelays:
    """The lanes that carry derived events and the house's answers into the log."""

    def __init__(self, broker: FakeBroker, log: SeededLog, faults: Faults) -> None:
        self._broker = broker
        self._log = log
        self._faults = faults
        self._random = faults.random
        self._carries: dict[str, Carry] = {
            TOPICS.derived: relayed(PARTITIONS),
            TOPICS.commands: answered(DECODER, ENCODER, PARTITIONS),
        }
        self._committed: dict[tuple[str, int], int] = {}
        self.open: dict[tuple[Place, str], Opened] = {}

    def committed(self, topic: str, partition: int) -> int | None:
        """The offset that the group has committed."""
        return self._committed.get((topic, partition))

    def work(self, place: Place, topic: str) -> bool:
        """Open the relay's lane, or give it its next batch. Whether there was work to do."""
        opened = self.open.pop((place, topic), None)
        try:
            if opened is None:
                self.open[place, topic] = Opened(self._open(place, topic))
                return True
            batch = self._next_batch(place[1], topic, opened)
            if batch is not None:
                opened.lane.process(batch)
            self.open[place, topic] = opened
            return batch is not None
        except (Crash, LaneFailed):
            return True  # counted where it was caused

    def commit_offsets(self) -> None:
        """Each open lane's position, zombies' too: the group's offset may fall back, never run ahead."""
        for ((_worker, partition), topic), opened in self.open.items():
            self._committed[topic, partition] = opened.lane.position

    def _open(self, place: Place, topic: str) -> RelayLane:
        worker, partition = place
        point = self._faults.point(worker, partition)

        def append(records: list[tuple[int, bytes | None, bytes, int]]) -> None:
            for record in records:
                point("append:before")
                self._log.append_derived(*record)
            if records:
                point("append:after")

        reader = FakeReader(self._broker, point)
        lane = RelayLane(topic, partition, reader, self, self._carries[topic], append)
        lane.open()
        return lane

    def _next_batch(self, partition: int, topic: str, opened: Opened) -> Batch | None:
        log = self._broker.log(topic, partition)
        start, end = opened.fetched, log.end()
        records: list[Record] = log.read(start, end, self._random.randrange(1, 6))
        if not records:
            self._faults.stalls(log, end)
            return None
        if topic == TOPICS.derived:  # as `derived_record` makes it of Kafka's message
            records = [
                (offset, int(log.headers.get(offset, {}).get(LOG_TIME_HEADER, b"0")), key, value)
                for offset, _timestamp_ms, key, value in records
            ]
        batch = Batch(self._faults.passed_over(records), start, records[-1][0] + 1)
        opened.fetched = batch.end
        if self._faults.happens("relay's batch lost", 0.2):
            return self._next_batch(partition, topic, opened)
        return batch


def changelog_of(partition: int) -> Changelog:
    """The changelogs of a partition's lane."""
    return Changelog(TOPICS.changelog, TOPICS.ids, partition, b"origin", TOMBSTONES_KEPT_MS)
