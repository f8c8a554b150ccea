"""A lane over a table of its own: what is committed is there once, whatever fails, in the table as in the outputs."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeTransaction, Point, no_faults
from fake_store import FakeClock, FakeStore

from pipeline.core.ports import UnknownProgram
from pipeline.lane import keys
from pipeline.lane.changelog import Restored
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed, Record
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane, table_changelog
from pipeline.wire.codec import RegistryUnavailable

KEPT_MS = 3_600_000


class Sums:
    """Adds up the numbers of each key and puts out every sum; `obstacles` are raised once each, at a record's turn."""

    obstacles: tuple[tuple[int, Exception], ...] = ()

    def __init__(self, table: Table, out: Outbox) -> None:
        self._table = table
        self._out = out

    def apply(self, record: Record) -> None:
        offset, _timestamp_ms, key, value = record
        assert key is not None
        if Sums.obstacles and Sums.obstacles[0][0] == offset:
            error, Sums.obstacles = Sums.obstacles[0][1], Sums.obstacles[1:]
            self._table.put(b"k" + key, b"half-way")
            raise error
        total = int(self._table.get(b"k" + key) or b"0") + int(value or b"0")
        self._table.put(b"k" + key, b"%d" % total)
        self._out.send("sums", key, b"%d" % total)

    def finish(self) -> None:
        self._out.send("transactions", None, b"")


class Watcher:
    """What an observer was told."""

    def __init__(self) -> None:
        self.applied_records = 0
        self.waits = 0

    def restoring(self, _progress: object) -> None:
        """Of no interest."""

    def opened(self, position: int, restored: Restored, seconds: float) -> None:
        assert not restored.wiped

    def waiting(self, why: Exception, seconds: float) -> None:
        assert isinstance(why, UnknownProgram | RegistryUnavailable)
        self.waits += 1

    def applied(self, records: int, outputs: Outbox, seconds: float) -> None:
        self.applied_records += records


class Bench:
    """A source partition and the lanes that are opened on it, one after the other."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.source = self.broker.log("source", 0)
        self.content: dict[bytes, bytes] = {}
        self.watcher = Watcher()

    def lane(
        self, point: Point = no_faults, core_of: Callable[[Table, Outbox], Sums] = Sums, outputs_max: int = 20_000
    ) -> TableLane:
        return TableLane(
            "source", table_changelog("changelog", 0, b"origin", KEPT_MS), FakeReader(self.broker, point),
            FakeTransaction(self.broker, "t", 0, point), FakeStore(self.content, point), FakeClock(1_000),
            core_of, self.watcher, outputs_max,
        )  # fmt: skip

    def opened(self, point: Point = no_faults, outputs_max: int = 20_000) -> TableLane:
        lane = self.lane(point, outputs_max=outputs_max)
        lane.open()
        return lane

    def feed(self, *pairs: tuple[str, int]) -> None:
        for key, number in pairs:
            self.source.append(key.encode(), b"%d" % number, 1)

    def batch(self, start: int) -> Batch:
        records = self.source.read(start, self.source.end())
        return Batch(records, start, records[-1][0] + 1)

    def sums(self) -> list[tuple[str, int]]:
        log = self.broker.log("sums", 0)
        return [((key or b"").decode(), int(value or b"")) for _, _, key, value in log.read(0, log.end())]


@pytest.fixture
def bench() -> Bench:
    Sums.obstacles = ()
    return Bench()


def test_records_are_applied_in_order_and_the_table_outlives_the_lane(bench: Bench) -> None:
    bench.feed(("a", 1), ("b", 5), ("a", 2))
    bench.opened().process(bench.batch(0))
    bench.feed(("a", 10))
    bench.content.clear()  # another machine, with an empty disk

    lane = bench.opened()
    assert lane.position == 3
    lane.process(bench.batch(3))

    assert bench.sums() == [("a", 1), ("b", 5), ("a", 3), ("a", 13)]
    transactions = bench.broker.log("transactions", 0)
    assert len(transactions.read(0, transactions.end())) == 2, "what is told once of many records"
    assert bench.content[b"ka"] == b"13"
    assert bench.watcher.applied_records == 4


def test_a_batch_that_does_not_follow_is_refused(bench: Bench) -> None:
    bench.feed(("a", 1), ("a", 2))
    lane = bench.opened()

    with pytest.raises(LaneFailed, match="does not follow position 0"):
        lane.process(bench.batch(1))


def test_a_position_that_the_source_no_longer_has_stops_the_lane(bench: Bench) -> None:
    bench.feed(("a", 1), ("a", 2))
    bench.opened().process(bench.batch(0))
    bench.feed(("a", 3), ("a", 4))
    bench.source.truncate(3)

    with pytest.raises(LaneBroken, match="has come to 2"):
        bench.lane().open()


@pytest.mark.parametrize("error", [UnknownProgram("x"), RegistryUnavailable("away")], ids=["program", "registry"])
@pytest.mark.parametrize("place", [0, 2])
def test_what_is_not_there_yet_is_waited_for_and_what_stands_before_it_is_committed(
    bench: Bench, place: int, error: Exception
) -> None:
    bench.feed(("a", 1), ("a", 2), ("a", 3))
    Sums.obstacles = ((place, error),)

    bench.opened().process(bench.batch(0))

    assert bench.sums() == [("a", 1), ("a", 3), ("a", 6)]
    assert bench.watcher.waits == 1


def test_the_registry_may_be_away_again_for_what_stands_before_the_obstacle(bench: Bench) -> None:
    bench.feed(("a", 1), ("a", 2), ("a", 3))
    Sums.obstacles = ((2, RegistryUnavailable("away")), (1, RegistryUnavailable("away again")))

    bench.opened().process(bench.batch(0))

    assert bench.sums() == [("a", 1), ("a", 3), ("a", 6)]
    assert bench.watcher.waits == 1


def test_a_record_that_the_core_cannot_get_over_stops_the_partition_and_leaves_no_trace(bench: Bench) -> None:
    bench.feed(("a", 1), ("a", 2))
    Sums.obstacles = ((1, ValueError("defect")),)
    lane = bench.opened()

    with pytest.raises(LaneBroken, match="offset 1 cannot be got over") as broken:
        lane.process(bench.batch(0))

    assert "--to 2" in broken.value.remedy
    assert bench.sums() == []
    assert b"ka" not in bench.content
    lane.close()
    bench.opened().process(bench.batch(0))  # the defect is mended
    assert bench.sums() == [("a", 1), ("a", 3)]


def test_a_transaction_is_cut_where_outputs_are_many(bench: Bench) -> None:
    bench.feed(*(("a", 1) for _ in range(10)))

    bench.opened(outputs_max=3).process(bench.batch(0))

    changelog = bench.broker.log("changelog", 0)
    markers = [value for _, _, key, value in changelog.read(0, changelog.end()) if key == keys.MARKER]
    assert [keys.Marker.unpack(value or b"").position for value in markers] == [3, 6, 9, 10]


def test_work_that_no_record_brings_is_committed_with_the_position_as_it_is(bench: Bench) -> None:
    bench.feed(("a", 1))
    lane = bench.opened()
    lane.process(bench.batch(0))

    lane.perform(lambda: lane.table.put(b"kb", b"7"))
    before = bench.broker.log("changelog", 0).end()
    lane.perform(lambda: None)

    assert bench.content[b"kb"] == b"7"
    assert lane.position == 1
    assert bench.broker.log("changelog", 0).end() == before, "nothing is committed where nothing was done"
    bench.content.clear()
    assert bench.opened().position == 1
    assert bench.content[b"kb"] == b"7"


def test_work_that_fails_leaves_everything_as_it_was(bench: Bench) -> None:
    lane = bench.opened()

    def fails() -> None:
        lane.table.put(b"kb", b"7")
        raise LaneFailed("away")

    with pytest.raises(LaneFailed):
        lane.perform(fails)

    assert lane.table.get(b"kb") is None


def test_a_scan_sees_what_was_written_and_deleted_since_the_last_commit() -> None:
    table = Table(FakeStore({b"a": b"1", b"c": b"3", b"d": b"4", b"z": b"9"}))
    table.put(b"b", b"2")
    table.put(b"c", b"three")
    table.put(b"e", b"5")
    table.delete(b"d")
    table.delete(b"bb")

    assert list(table.scan(b"a", b"z")) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"three"), (b"e", b"5")]


def test_a_key_that_is_the_lanes_own_is_not_written() -> None:
    with pytest.raises(AssertionError, match="belongs to the lane"):
        Table(FakeStore({})).put(keys.MARKER, b"")


def test_records_for_other_partitions_and_with_headers_go_out_with_the_rest(bench: Bench) -> None:
    outbox = Outbox()
    outbox.send("t", b"k", b"plain")
    outbox.send_with_header("t", b"k", b"stamped", "log-time", b"5")
    outbox.send("t", b"k", b"elsewhere", partition=2)

    assert outbox.messages() == [
        ("t", [
            {"key": b"k", "value": b"plain", "headers": []},
            {"key": b"k", "value": b"stamped", "headers": [("log-time", b"5")]},
            {"key": b"k", "value": b"elsewhere", "partition": 2},
        ]),
    ]  # fmt: skip


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("seed", range(60))
def test_whatever_fails_between_two_steps_each_record_counts_once(bench: Bench, seed: int) -> None:
    """Crashes, failures, commits that arrive late and lost disks by a seed; the outputs are those of a run in peace."""
    random = Random(f"table lane {seed}")
    pairs = [(random.choice("abc"), random.randrange(9)) for _ in range(120)]
    bench.feed(*pairs)
    trouble = True

    def point(_place: str) -> None:
        chance = random.random()
        if trouble and chance < 0.02:
            raise Died
        if trouble and chance < 0.04:
            raise LaneFailed("fails")

    lane: TableLane | None = None
    for step in range(2_000):
        trouble = trouble and step < 1_500 and random.random() > 0.002
        if random.random() < 0.03:
            bench.content.clear()
            lane = None
        if random.random() < 0.1:
            bench.broker.let_late_commits_arrive()
        try:
            if lane is None:
                lane = bench.opened(point, outputs_max=random.choice((2, 100)))
            records = bench.source.read(lane.position, bench.source.end(), random.randrange(1, 9))
            if not records and not trouble:
                break
            if records:
                lane.process(Batch(records, lane.position, records[-1][0] + 1))
        except (Died, LaneFailed):
            lane = None
    assert lane is not None
    assert lane.position == len(pairs), "it has come to the end"

    totals: dict[str, int] = {}
    expected = []
    for key, number in pairs:
        totals[key] = totals.get(key, 0) + number
        expected.append((key, totals[key]))
    assert bench.sums() == expected
    assert {key[1:].decode(): int(value) for key, value in bench.content.items() if key[:1] == b"k"} == totals
