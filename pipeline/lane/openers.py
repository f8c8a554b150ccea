"""Puts lanes together from their Kafka and RocksDB parts, for the thread that runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, final

from pipeline import metrics
from pipeline.lane.changelog import Changelog
from pipeline.lane.context import GroupPositions, LaneContext
from pipeline.lane.failing import store_with_failpoints, with_failpoints
from pipeline.lane.kafka import group_of
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.lane import Lane, LaneSetup
from pipeline.lane.observe import LaneObserver
from pipeline.lane.ports import Batch, Record
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.relay import Carried, Carry, RelayLane
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.store import RocksStore
from pipeline.lane.ticks import Ticker

CHECKED_AHEAD: Final = 1_000
"""What a relay carries over stands in transactions: nearly every batch has gaps, and is read again to be checked."""


@final
class RewardsLane:
    """The exactly-once lane of a partition of the log, together with the ticks that its owner writes."""

    def __init__(self, context: LaneContext, partition: int, clock: SystemClock) -> None:
        topics = context.topics
        changelog = Changelog(topics.changelog, topics.ids, partition, context.origin, context.tombstones_kept_ms)
        setup = LaneSetup(
            partition, context.partitions, topics, changelog, context.horizons,
            cached_members=context.cache.per_generation, turn=context.turn,
        )  # fmt: skip
        self._clock = clock
        self._lane = Lane(
            setup,
            KafkaReader(context.settings),
            with_failpoints(
                KafkaTransaction(context.settings, context.transactional_id(partition), partition), context.failpoints
            ),
            store_with_failpoints(RocksStore(context.store_folder(partition)), context.failpoints),
            clock,
            context.programs,
            context.decoder,
            context.encoder,
            LaneObserver(topics.source, partition, clock.waits_for),
        )
        self._ticker = Ticker(partition, context.live_tick, context.append)
        self._ticks = metrics.lane_ticks.labels(topics.source, partition)
        self._stopped = metrics.lane_quarantined.labels(topics.source, partition)
        self.quarantined: tuple[Quarantined, ...] = ()
        self._cache = context.cache
        self._cache.join()

    @property
    def position(self) -> int:
        return self._lane.position

    def open(self, at: int | None = None) -> int:
        assert at is None, "the place of this lane is in its changelog"
        position = self._lane.open()
        self._tell()
        return position

    def process(self, batch: Batch) -> None:
        self._lane.process(batch)
        self._tell()

    def _tell(self) -> None:
        """Who stands still, for whoever asks."""
        found = self._lane.quarantined
        if found or self.quarantined:
            self.quarantined = tuple(sorted(found.values(), key=lambda one: one.member_id))
        self._stopped.set(len(found))

    def idle(self) -> None:
        before = self._ticker.appended
        self._ticker.maybe_tick(self._lane, self._clock.now_ms())
        self._ticks.inc(self._ticker.appended - before)

    def close(self) -> None:
        self._cache.leave()
        self._lane.close()


@final
class CarryingLane(Generic[Carried]):
    """A relaying lane and its metrics."""

    def __init__(
        self,
        context: LaneContext,
        agent: str,
        topic: str,
        partition: int,
        carry: Callable[[Record], Carried | None],
        append: Callable[[list[Carried]], None],
    ) -> None:
        self._positions = positions = GroupPositions(context.settings, group_of(context.settings, agent))
        reader = KafkaReader(context.settings, ahead=CHECKED_AHEAD)
        self._lane = RelayLane(topic, partition, reader, positions, carry, append)
        self._appended = metrics.appended_records.labels(topic, partition)
        self._records = metrics.lane_records.labels(topic, partition)
        self.quarantined: tuple[Quarantined, ...] = ()  # that is no concern of a relay

    @property
    def position(self) -> int:
        return self._lane.position

    def open(self, at: int | None = None) -> int:
        try:
            return self._lane.open(at)
        finally:
            self._positions.close()

    def process(self, batch: Batch) -> None:
        before = self._lane.appended
        self._lane.process(batch)
        self._appended.inc(self._lane.appended - before)
        self._records.inc(len(batch.records))

    def idle(self) -> None:
        """Time means nothing to a relay."""

    def close(self) -> None:
        self._lane.close()


def rewards_opener(context: LaneContext) -> Opener:
    """Opens the lanes that decide."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        return RewardsLane(context, partition, clock)

    return open_lane


def relay_opener(context: LaneContext, agent: str, topic: str, carry: Carry) -> Opener:
    """Opens lanes of `agent` that carry records of `topic` into the log."""
    return carrying_opener(context, agent, topic, carry, context.append)


def carrying_opener(
    context: LaneContext,
    agent: str,
    topic: str,
    carry: Callable[[Record], Carried | None],
    append: Callable[[list[Carried]], None],
) -> Opener:
    """Opens lanes of `agent` that carry what records of `topic` become to where `append` puts it."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        return CarryingLane(context, agent, topic, partition, carry, append)

    return open_lane
