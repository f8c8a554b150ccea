"""A world by a seed: two workers, three partitions, relays, a broker, disks, a clock; what can go wrong in it does."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from random import Random

from fake_kafka import FakeBroker, FakeReader
from fake_store import FakeClock, FakeStore
from seeded_events import PARTITIONS, START_MS
from seeded_log import SeededLog
from sim_faults import Faults
from sim_lanes import APP_ID, TOMBSTONES_KEPT_MS, TOPICS, WORKERS, Place, SimLanes, SimRelays, changelog_of
from sim_pools import CINEMA, CODES, SimPools

from pipeline.lane import keys
from pipeline.lane.commit import transactional_id
from pipeline.wire.partitioner import partition_of
from pipeline.wire.state import packed_next_due_ms

RECORDS_MIN = 200
CRASHES_MIN = 2
STEPS_MAX = 5_000
DRAIN_ROUNDS_MAX = 400
LONG_MS = 2 * TOMBSTONES_KEPT_MS
LOCAL_KEYS = (b"@", keys.DUE)
"""What a store holds about itself, and hints that may be stale."""


class World:
    """`run` lets everybody work at random until the seed has met its measure; `drain` lets one worker finish in
    peace."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"world {seed}")
        self.bites: Counter[str] = Counter()
        self.broker = FakeBroker()
        self.log = SeededLog(seed, self.broker, TOPICS.source)
        self.log.bites = self.bites
        self.clock = FakeClock(START_MS)
        self.faults = Faults(self.random, self.bites, self._meanwhile)
        self.lanes = SimLanes(self.broker, self.log, self.clock, self.faults)
        self.relays = SimRelays(self.broker, self.log, self.faults)
        self.pools = SimPools(self.broker, self.clock, self.faults)
        self.violations: list[str] = []
        self.owners = [0] * PARTITIONS
        self.steps = 0

    def run(self, records: int = RECORDS_MIN) -> None:
        """At least so many records on the log and two crashes, or AssertionError."""
        while self.log.records < records or self.faults.crashes < CRASHES_MIN:
            self.steps += 1
            assert self.steps < STEPS_MAX, (
                f"seed {self.seed} has come to {self.log.records} records and {self.faults.crashes} crashes only"
            )
            self._step()

    def drain(self) -> None:
        """Without faults everything that is in the log is processed, by one worker and then by the other, which takes
        over. Raises AssertionError."""
        self.faults.active = False
        self.broker.let_late_commits_arrive()
        self.log.settle()
        for worker in range(WORKERS):
            self.lanes.open.clear()
            self.relays.open.clear()
            self.pools.open.clear()
            self._drain_with(worker)
        self.log.catch_up()

    def digest(self) -> str:
        """Of all that happened, in order, and of everything in the logs."""
        whole = blake2b("\n".join(self.faults.trace).encode(), digest_size=16)
        for name in sorted(self.broker.logs):
            entries = self.broker.logs[name].entries
            whole.update(repr((name, [(one.record, one.session and one.session.state) for one in entries])).encode())
        return whole.hexdigest()

    def check_store(self, place: Place) -> None:
        """The store holds exactly what its changelogs say, as a new owner with an empty disk would restore it; else
        that is one of the `violations`."""
        restored: dict[bytes, bytes] = {}
        changelog_of(place[1]).restore(
            FakeReader(self.broker, chunk=1000), FakeStore(restored), self.clock.now_ms, lambda *_progress: None
        )
        content = self.lanes.disks[place].content
        kept = {key: value for key, value in content.items() if not key.startswith(LOCAL_KEYS)}
        expected = {key: value for key, value in restored.items() if not key.startswith(LOCAL_KEYS)}
        where = f"I3: the store of worker {place[0]}, partition {place[1]}"
        if kept != expected:
            differ = sorted(kept.items() ^ expected.items())[:3]
            self.violations.append(f"{where} is not what its changelogs say: {differ}")
        for key, value in expected.items():
            if key.startswith(keys.MEMBER) and (due_ms := packed_next_due_ms(value)):
                due_key = keys.due_key(due_ms, key[1:].decode())
                if due_key not in content or due_key not in restored:
                    self.violations.append(f"{where} or one restored anew lacks {due_key!r} in its index of due work")

    # ---- one step

    def _step(self) -> None:
        draw = self.random.random()
        place = self._anywhere()
        if draw < 0.20:
            self.log.grow(self.random.randrange(1, 9))
        elif draw < 0.34:
            self.relays.work(self._assigned(place), self.random.choice((TOPICS.derived, TOPICS.commands)))
        elif draw < 0.38:
            self.relays.commit_offsets()
        elif draw < 0.42:
            self._disturb(place)
        elif draw < 0.43:
            self._kill(place[0])
        elif draw < 0.44:
            self._away(place)
        elif draw < 0.46:
            self.log.settle()
        elif draw < 0.50:
            self._late_commits()
        elif draw < 0.59:
            self.pools.work(self._assigned(place))
        elif draw < 0.60:
            self._load_codes()
        elif draw < 0.63:
            self.bites["partition given to another worker"] += 1
            self.owners[place[1]] = place[0]
        else:
            self._work(self._assigned(place))

    def _anywhere(self) -> Place:
        return self.random.randrange(WORKERS), self.random.randrange(PARTITIONS)

    def _assigned(self, place: Place) -> Place:
        """Mostly the worker that the group gave the partition to, now and then one that does not know yet."""
        return place if self.random.random() < 0.1 else (self.owners[place[1]], place[1])

    def _work(self, place: Place) -> None:
        was_open = place in self.lanes.open
        self.lanes.work(place)
        if not was_open and place in self.lanes.open and self._owns(place):
            self.check_store(place)

    def _owns(self, place: Place) -> bool:
        """Nobody else has opened a lane of the partition meanwhile and gone on with it."""
        log = self.broker.log(TOPICS.changelog, place[1])
        position = keys.unpack_number(self.lanes.disks[place].content[keys.CHANGELOG_POSITION])
        return not log.read(position, log.end(), 1)

    def _disturb(self, place: Place) -> None:
        """Something happens to a disk, to the changelog, or to time."""
        kind = self.random.randrange(6)
        disk = self.lanes.disks[place]
        if self.random.random() < 0.3:
            disk = self.pools.disks[place]
            self.pools.open.pop(place, None)
        if kind == 0:
            self.bites["changelog compacted"] += 1
            self._compact(place[1])
        elif kind == 1:
            self.bites["store removed"] += 1
            self.lanes.open.pop(place, None)
            disk.remove()
        elif kind == 2:
            self.bites["store damaged"] += 1
            disk.damaged = True
        elif kind == 3:
            self._power_cut(place[0])
        elif kind == 4:
            self.clock.time_ms += LONG_MS
        else:
            self._time_out()

    def _time_out(self) -> None:
        """The broker aborts what its writer, dead or slow, has left open for too long."""
        for partition in range(PARTITIONS):
            for topic in (TOPICS.source, TOPICS.pool_requests):
                if self.broker.time_out(transactional_id(APP_ID, topic, partition)):
                    self.bites["open transaction of the dead timed out"] += 1

    def _power_cut(self, worker: int) -> None:
        """All processes of the machine die, and writes that were not synced are gone."""
        self._kill(worker)
        for partition in range(PARTITIONS):
            for disk in (self.lanes.disks[worker, partition], self.pools.disks[worker, partition]):
                lost = self.random.randrange(disk.unsynced + 1)
                disk.lose_tail(lost)
                self.bites["torn store: writes lost"] += lost

    def _kill(self, worker: int) -> None:
        """Killed between two steps."""
        self.bites["crash: between two steps"] += 1
        self.faults.crashes += 1
        for place in [place for place in self.lanes.open if place[0] == worker]:
            del self.lanes.open[place]
        for key in [key for key in self.relays.open if key[0][0] == worker]:
            del self.relays.open[key]
        for place in [place for place in self.pools.open if place[0] == worker]:
            del self.pools.open[place]

    def _away(self, place: Place) -> None:
        """A worker is away for longer than deletions are kept, while another goes on and the changelog is compacted."""
        self._kill(place[0])
        self._others_work(place, self.random.randrange(2, 6))
        self.clock.time_ms += LONG_MS
        self._compact(place[1])

    def _meanwhile(self, worker: int, partition: int) -> None:
        """While a process stands still: others take over, time goes by, late commits arrive."""
        if self.random.random() < 0.4:
            self.log.grow(self.random.randrange(1, 9))
        self._others_work((worker, partition), self.random.randrange(1, 6))
        if self.random.random() < 0.3:
            self._late_commits()
        if self.random.random() < 0.3:
            self.clock.time_ms += LONG_MS
            self._compact(partition)

    def _others_work(self, place: Place, steps: int) -> None:
        other = (place[0] + 1) % WORKERS, place[1]
        for _ in range(steps):
            self.lanes.work(other)
            self.pools.work(other)

    def _late_commits(self) -> None:
        committed, refused = self.broker.let_late_commits_arrive()
        self.bites["commit arrives late"] += committed
        self.bites["commit arrives too late"] += refused

    def _compact(self, partition: int) -> None:
        for topic in (TOPICS.changelog, TOPICS.pool_changelog):
            self.broker.log(topic, partition).compact(self.clock.now_ms(), TOMBSTONES_KEPT_MS)

    def _load_codes(self) -> None:
        """Some codes are loaded, perhaps not for the first time."""
        first = self.random.randrange(len(CODES))
        self.pools.load(CODES[first : first + 4], partition_of(CINEMA.encode(), PARTITIONS))

    def _drain_with(self, worker: int) -> None:
        for _ in range(DRAIN_ROUNDS_MAX):
            busy = False
            for partition in range(PARTITIONS):
                place = worker, partition
                busy = self.lanes.work(place) or busy
                busy = self.pools.work(place) or busy
                for topic in (TOPICS.derived, TOPICS.commands):
                    busy = self.relays.work(place, topic) or busy
            self.relays.commit_offsets()
            if not busy:
                break
        else:
            raise AssertionError(f"I9: worker {worker} does not come to the end of the log")
        self.log.catch_up()
        for partition in range(PARTITIONS):
            position, log = self.lanes.position((worker, partition)), self.log.logs[partition]
            rest = log.read(position, log.end())
            assert not rest, f"I9: partition {partition} stands at {position} with {len(rest)} records to go"
            self.check_store((worker, partition))
