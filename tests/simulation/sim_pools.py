"""The pools' lanes of simulated workers, and what must hold of pools in a drained world.

P1 what members asked is on pool-requests once. P2 answers are those of the pure core, once each. P3 no pool has ever
given more than its limit, and none was refused anything while something was left. P4 no code is out twice. P5 nobody
waits for an answer, but members who are quarantined with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fake_kafka import FakeBroker, FakeReader, FakeTransaction
from fake_store import FakeClock, FakeDisk, FakeStore
from seeded_events import PARTITIONS, STOCK, SUMMER_POINTS
from seeded_log import DECODER, ENCODER
from sim_faults import REGISTRY_AWAY, Crash, Faults
from sim_lanes import APP_ID, TOMBSTONES_KEPT_MS, TOPICS, WORKERS, Opened, Place, Silent

from pipeline.core.events import Event
from pipeline.core.memory import MemoryPools, Output
from pipeline.core.payloads import PoolAnswered
from pipeline.core.pool_ids import of_signal
from pipeline.core.pools import decide, is_told, request_fault
from pipeline.core.records import PoolBalance, PoolRequest
from pipeline.lane.changelog import Changelog
from pipeline.lane.commit import transactional_id
from pipeline.lane.pools import NOTES, POOL, PoolsCore, unpack_notes, unpack_pool
from pipeline.lane.ports import Batch, LaneBroken, LaneClosing, LaneFailed
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane, table_changelog
from pipeline.wire.codec import RegistryUnavailable

if TYPE_CHECKING:
    from world import World

CODES = [f"code-{number}" for number in range(12)]
CINEMA = "codes:cinema"


class Answering(Silent):
    """An observer of pools' lanes."""

    def applied(self, records: int, outputs: Outbox, seconds: float) -> None:
        assert records >= 0
        self.bites["request to a pool put aside"] += sum(outputs.rejections.values())


class SimPools:
    """The lanes that answer for pools, by worker and partition; `decode` may find the registry away."""

    def __init__(self, broker: FakeBroker, clock: FakeClock, faults: Faults) -> None:
        self.disks = {(worker, partition): FakeDisk() for worker in range(WORKERS) for partition in range(PARTITIONS)}
        self.open: dict[Place, Opened] = {}
        self._broker = broker
        self._clock = clock
        self._faults = faults
        self._random = faults.random

    def output(self, value: bytes, /) -> object:
        """The decoder: now and then it would have to ask a registry that is away."""
        if self._faults.happens("registry away", REGISTRY_AWAY):
            raise RegistryUnavailable("away")
        return DECODER.output(value)

    def work(self, place: Place) -> bool:
        """Open the lane, or give it its next batch; what fails is done again later. Whether there was work to do."""
        opened = self.open.pop(place, None)
        try:
            if opened is None:
                self.open[place] = Opened(self._open(place))
                return True
            batch = self._next_batch(place[1], opened)
            if batch is not None:
                opened.lane.process(batch)
            self.open[place] = opened
            return batch is not None
        except (Crash, LaneFailed):
            return True  # counted where it was caused; the lane is given up
        except (LaneBroken, LaneClosing) as error:
            raise AssertionError(f"I9: the pools of partition {place[1]} stand still: {error!r}") from error

    def load(self, codes: list[str], partition: int) -> None:
        """Codes are put in, as a command does: outside any transaction, perhaps again."""
        request = PoolRequest("load", CINEMA, "load", len(codes), 0, codes, "", "load", "", 1, 1)
        self._broker.log(TOPICS.pool_requests, partition).append(
            CINEMA.encode(), ENCODER.pool_request(request), self._clock.now_ms()
        )

    def _open(self, place: Place) -> TableLane:
        worker, partition = place
        point = self._faults.point(worker, partition)

        def core_of(table: Table, out: Outbox) -> PoolsCore:
            return PoolsCore(TOPICS, partition, PARTITIONS, self, ENCODER, table, out)

        lane = TableLane(
            TOPICS.pool_requests,
            pool_changelog_of(partition),
            FakeReader(self._broker, point, self._random.choice((2, 20))),
            FakeTransaction(
                self._broker, transactional_id(APP_ID, TOPICS.pool_requests, partition), partition, point,
                self._clock.now_ms,
            ),
            FakeStore(self.disks[place], point),
            self._clock,
            core_of,
            Answering(self._faults),
            self._random.choice((2, 1000)),
        )  # fmt: skip
        lane.open()
        return lane

    def _next_batch(self, partition: int, opened: Opened) -> Batch | None:
        log = self._broker.log(TOPICS.pool_requests, partition)
        start, end = opened.fetched, log.end()
        records = log.read(start, end, self._random.randrange(1, 9))
        if not records:
            self._faults.stalls(log, end)
            return None
        batch = Batch(self._faults.passed_over(records), start, records[-1][0] + 1)
        opened.fetched = batch.end
        if self._faults.happens("batch lost", 0.03):
            return self._next_batch(partition, opened)
        return batch


def pool_changelog_of(partition: int) -> Changelog:
    """The changelog of a partition's pools."""
    return table_changelog(TOPICS.pool_changelog, partition, b"origin", TOMBSTONES_KEPT_MS)


def pools_hold(world: World) -> Iterator[str]:
    """P1 to P5."""
    asked = Counter(repr(request) for partition in range(PARTITIONS) for request in asked_by(world, partition))
    written: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        requests = list(requests_of(world, partition))
        written.update(repr(one) for one in requests if one.action != "load")
        pools = MemoryPools()
        expected = [answer for one in requests if (answer := decide(pools, one)) is not None]
        answers = list(answers_of(world, partition))
        if answers != expected:
            yield f"P2: answers in partition {partition} are {answers} in place of {expected}"
        yield from within_limits(requests, answers)
        content = world.pools.disks[0, partition].content
        kept = {key[1:].decode(): unpack_pool(value) for key, value in content.items() if key.startswith(POOL)}
        if kept != pools.pools:
            yield f"P2: the table of partition {partition} says {kept}, the core {pools.pools}"
        noted = [unpack_notes(value) for key, value in content.items() if key.startswith(NOTES)]
        if sorted(noted, key=repr) != sorted(pools.noted.values(), key=repr):
            yield f"P2: signals' pools of partition {partition} have noted {noted}, the core {pools.noted}"
        told = {one.pool_id: (one.limit, one.given) for one in balances_of(world, partition)}
        if told != {
            pool_id: (pool.limit, pool.given) for pool_id, pool in pools.pools.items() if is_told(pools, pool_id)
        }:
            yield f"P2: balances of partition {partition} say {told}, the core {pools.pools}"
        for member in world.log.oracle.state(partition).members.values():
            if member.awaited and not member.quarantined:
                yield f"P5: {member.member_id} still waits for {list(member.awaited)}"
    if asked != written:
        yield f"P1: asked and written differ: {sorted((asked - written) + (written - asked))[:3]}"


def within_limits(requests: list[PoolRequest], answers: list[PoolAnswered]) -> Iterator[str]:
    """P3 and P4, counted anew from what was asked and answered."""
    limits = {"budget:summer": SUMMER_POINTS, "stock:mug": STOCK}
    given: Counter[str] = Counter()
    here: set[str] = set()
    out: set[str] = set()
    left_answers = (one for one in answers if not of_signal(one.pool_id))
    for one in requests:
        if of_signal(one.pool_id):
            continue
        if one.action == "load":
            here |= set(one.codes) - out
            continue
        if one.action == "give_back":
            given[one.pool_id] -= one.amount
            here |= set(one.codes)
            out -= set(one.codes)
            continue
        answer = next(left_answers)
        limit = limits.get(one.pool_id, len(here) + given[one.pool_id])
        wanted = min(one.amount, limit - given[one.pool_id])
        if answer.granted != wanted:
            yield f"P3: {one.pool_id} gave {answer.granted} of {one.amount} with {limit - given[one.pool_id]} left"
        given[one.pool_id] += answer.granted
        if given[one.pool_id] > limit:
            yield f"P3: {one.pool_id} has given {given[one.pool_id]} of {limit}"
        codes = set(answer.codes)
        if len(codes) != len(answer.codes) or codes & out or not codes <= here:
            yield f"P4: {answer.codes} of {one.pool_id} were not there to give"
        out |= codes
        here -= codes


def asked_by(world: World, partition: int) -> Iterator[PoolRequest]:
    """What the oracle's members of a partition asked of pools."""
    journal: list[Output] = world.log.oracle.journal(partition)
    return (one for one in journal if isinstance(one, PoolRequest))


def requests_of(world: World, partition: int) -> Iterator[PoolRequest]:
    """Committed requests of one partition, in order."""
    log = world.broker.log(TOPICS.pool_requests, partition)
    for _, _, _, value in log.read(0, log.end()):
        request = DECODER.output(value or b"")
        assert isinstance(request, PoolRequest)
        assert request_fault(request) is None
        yield request


def answers_of(world: World, partition: int) -> Iterator[PoolAnswered]:
    """Committed answers of one partition's pools, in order."""
    log = world.broker.log(TOPICS.derived, partition)
    for _, _, _, value in log.read(0, log.end()):
        event = DECODER.decode(value or b"", 0)
        if isinstance(event, Event) and isinstance(event.payload, PoolAnswered):
            yield event.payload


def balances_of(world: World, partition: int) -> Iterator[PoolBalance]:
    """How one partition's pools stand by the topic, the latest last."""
    log = world.broker.log(TOPICS.pool_balances, partition)
    for _, _, _, value in log.read(0, log.end()):
        record = DECODER.output(value or b"")
        assert isinstance(record, PoolBalance)
        yield record


def met(world: World) -> Counter[str]:
    """What pools were asked and did in a world, by kind: whether everything that can happen to one did."""
    found: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        for request in requests_of(world, partition):
            found[f"{request.action} {name_of(request.pool_id)}"] += 1
        for answer in answers_of(world, partition):
            how = "nothing" if not answer.granted else "all" if answer.granted == answer.desired else "a part"
            found[f"{how} of {name_of(answer.pool_id)}"] += 1
    return found


def name_of(pool_id: str) -> str:
    """The pool without what members share, where it is a signal's."""
    return pool_id.rsplit(":", 1)[0] if pool_id.count(":") == 2 else pool_id
