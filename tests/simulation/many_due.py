"""Lots that all expire at one instant, worked off by one tick in many transactions, with the lane killed in the middle.

python -m tests.simulation --lots 1000000     the same for a million, on a RocksDB store; prints what it took
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from core_programs import FixedPrograms, Period, Unit, ms, program
from fake_kafka import FakeBroker, FakeReader, FakeTransaction, no_faults
from fake_store import FakeClock
from seeded_log import DECODER, ENCODER
from sim_faults import Crash
from sim_lanes import APP_ID, TOPICS, changelog_of

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import PointsAdjusted, ProgramActivated, Tick
from pipeline.core.records import LedgerEntry
from pipeline.lane.commit import transactional_id
from pipeline.lane.lane import Lane, LaneSetup
from pipeline.lane.outputs import LaneOutputs
from pipeline.lane.ports import Batch, Store
from pipeline.lane.store import RocksStore

LOTS_EACH: Final = 4
BATCH: Final = 1_000
EARNED_MS: Final = ms("2026-03-01T00:00:00")
EXPIRY_MS: Final = ms("2027-01-01T00:00:00")
POINTS: Final = Unit("points", "floor", Period(0, 1, "year"))
PROGRAM: Final = program({}, units=(POINTS,))


class Watcher:
    """Counts the transactions that are committed."""

    def __init__(self) -> None:
        self.transactions = 0

    def restoring(self, *progress: object) -> None:
        assert progress

    def opened(self, position: int, restored: object, seconds: float) -> None:
        assert position >= 0

    def waiting(self, why: Exception, seconds: float) -> None:
        raise AssertionError(f"nothing is missing: {why!r}")

    def committed(self, records: int, outputs: LaneOutputs, seconds: float) -> None:
        assert records >= 0
        self.transactions += 1


class ManyDue:
    """One partition's lane, members with lots of their own, and the tick at which all of them have expired."""

    def __init__(self, lots: int, members_per_tick: int, store: Callable[[], Store]) -> None:
        self.members = lots // LOTS_EACH
        self.lots = self.members * LOTS_EACH
        self.broker = FakeBroker()
        self.watcher = Watcher()
        self._point: Callable[[str], None] = no_faults
        self._store = store
        self._members_per_tick = members_per_tick

    def opened(self) -> Lane:
        """A lane of a new process, restored."""
        setup = LaneSetup(0, 1, TOPICS, changelog_of(0), Horizons(), self._members_per_tick)
        clock = FakeClock(EXPIRY_MS)
        identity = transactional_id(APP_ID, TOPICS.source, 0)
        transaction = FakeTransaction(self.broker, identity, 0, self.reached, clock.now_ms)
        reader, store = FakeReader(self.broker, chunk=BATCH), self._store()
        lane = Lane(setup, reader, transaction, store, clock, FixedPrograms(PROGRAM), DECODER, ENCODER, self.watcher)
        lane.open()
        return lane

    def reached(self, place: str) -> None:
        """What the ports call before and after every effect."""
        self._point(place)

    def earn(self, lane: Lane) -> None:
        """Every member gets LOTS_EACH lots, one after the other."""
        self._append(
            EARNED_MS - 1, None, ENCODER.program_activated(ProgramActivated(PROGRAM.program_hash, 1, "test", ""))
        )
        for number in range(self.lots):
            member_id = f"m-{number % self.members:07}"
            at_ms = EARNED_MS + number
            payload = PointsAdjusted("", 1 + number % 9, "gift", "test")
            event = Event(f"e-{number}", member_id, at_ms, "test", "", {}, payload, at_ms)
            self._append(at_ms, member_id.encode(), ENCODER.event(event))
        self._process(lane)

    def expire(self, lane: Lane) -> None:
        """The tick at which all is due; the same record again if the lane before did not come to its end."""
        log = self.broker.log(TOPICS.source, 0)
        if log.end() == lane.position:
            log.append(None, ENCODER.tick(Tick("live")), EXPIRY_MS + 15 * 60_000)
        self._process(lane)

    def die(self, lane: Lane, place: str) -> None:
        """Begin with the tick and die at a place of the commit, half-way; what was under way then arrives."""
        last = self.watcher.transactions + self.members // self._members_per_tick // 2

        def reached(at: str) -> None:
            if at == place and self.watcher.transactions >= last:
                raise Crash(place)

        self._point = reached
        try:
            self.expire(lane)
        except Crash:
            lane.close()
        else:
            raise AssertionError("the tick came to its end before the kill")
        self._point = no_faults
        self.broker.let_late_commits_arrive()

    def _append(self, at_ms: int, key: bytes | None, value: bytes) -> None:
        self.broker.log(TOPICS.source, 0).append(key, value, at_ms)

    def _process(self, lane: Lane) -> None:
        """Give the lane all that it has not had."""
        log = self.broker.log(TOPICS.source, 0)
        while records := log.read(lane.position, log.end(), BATCH):
            lane.process(Batch(records, lane.position, records[-1][0] + 1))

    def entries(self) -> Iterator[LedgerEntry]:
        """The committed ledger."""
        log = self.broker.log(TOPICS.entries, 0)
        for _, _, _, value in log.read(0, log.end()):
            entry = DECODER.output(value or b"")
            assert isinstance(entry, LedgerEntry)
            yield entry

    def check(self) -> None:
        """Every lot was given once and has expired once, nothing is left, and no number is missing or double."""
        kinds: Counter[str] = Counter()
        left: Counter[tuple[str, int]] = Counter()
        numbers: Counter[str] = Counter()
        for entry in self.entries():
            kinds[entry.kind] += 1
            left[entry.member_id, entry.lot] += entry.amount if entry.kind == "adjust" else -entry.amount
            numbers[entry.member_id] += 1
            assert entry.seq == numbers[entry.member_id], entry
            assert entry.kind == "adjust" or entry.occurred_at_ms == EXPIRY_MS, entry
        assert kinds == {"adjust": self.lots, "expire": self.lots}, kinds
        assert not any(left.values())


def killed_and_worked_off(many: ManyDue, place: str, after_death: Callable[[], None]) -> int:
    """Earn, expire up to the middle, die, come back, go on. How many transactions the tick took in all."""
    lane = many.opened()
    many.earn(lane)
    before = many.watcher.transactions
    many.die(lane, place)
    after_death()
    again = many.opened()
    many.expire(again)
    again.close()
    return many.watcher.transactions - before


def main() -> int:
    """Work off a million lots on RocksDB and say what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--lots", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="accrue-due-") as folder:
        many = ManyDue(options.lots, 1_000, lambda: RocksStore(Path(folder) / "store"))
        lane = many.opened()
        began_s = time.perf_counter()
        many.earn(lane)
        print(f"{many.lots:,} lots of {many.members:,} members in {time.perf_counter() - began_s:,.0f} s", flush=True)
        before, began_s = many.watcher.transactions, time.perf_counter()
        many.die(lane, "commit:before")
        first_s = time.perf_counter() - began_s
        print(f"killed after {many.watcher.transactions - before:,} transactions, {first_s:,.1f} s", flush=True)
        began_s = time.perf_counter()
        again = many.opened()
        opened_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        many.expire(again)
        rest_s = time.perf_counter() - began_s
        again.close()
    many.check()
    print(
        f"back in {opened_s:,.1f} s, the rest in {rest_s:,.1f} s: {many.watcher.transactions - before:,} transactions "
        f"in all, {many.lots / (first_s + rest_s):,.0f} lots a second, each expired once"
    )
    return 0
