"""Puts lanes over tables together from their Kafka and RocksDB parts, for the thread that runs them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import final

from confluent_kafka import KafkaException

from pipeline.lane.commit import transactional_id
from pipeline.lane.context import REQUEST_SECONDS, LaneContext, origin_of
from pipeline.lane.failing import store_with_failpoints, with_failpoints
from pipeline.lane.kafka import partition_counts, topic_config
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.observe import LaneObserver
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.store import RocksStore
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import Core, CoreOf, TableLane, table_changelog

PartitionCore = Callable[[int, Table, Outbox], Core]
"""Makes the core of a partition's lane; called anew whenever what was not committed has been forgotten."""

Idle = Callable[[TableLane, int], None]
"""Called about once a second between batches, with the open lane and the time in ms; may call its `perform`."""


@final
class CoreLane:
    """The lane of one partition of `source`, whose table has the changelog `changelog` (names on the cluster).

    With `at_once`, `idle` is called after each batch too: what has just come in need not wait for a second. Raises
    LaneFailed where Kafka or the store is away, LaneBroken where the topics do not fit the log.
    """

    def __init__(
        self,
        context: LaneContext,
        source: str,
        changelog: str,
        partition: int,
        clock: SystemClock,
        core_of: CoreOf,
        idle: Idle | None,
        at_once: bool = False,
    ) -> None:
        settings = context.settings
        origin, kept_ms = _described(context, source, changelog)
        own_id = transactional_id(settings.app_id, source, partition)
        folder = settings.data_dir / settings.app_id / source / str(partition)
        self._clock = clock
        self._idle = idle
        self._at_once = at_once
        self._lane = TableLane(
            source,
            table_changelog(changelog, partition, origin, kept_ms),
            KafkaReader(settings),
            with_failpoints(KafkaTransaction(settings, own_id, partition), context.failpoints),
            store_with_failpoints(RocksStore(folder), context.failpoints),
            clock,
            core_of,
            LaneObserver(source, partition, clock.waits_for),
        )
        self.quarantined: tuple[Quarantined, ...] = ()  # members stand still on the log alone

    @property
    def position(self) -> int:
        return self._lane.position

    def open(self, at: int | None = None) -> int:
        assert at is None, "the place of this lane is in its changelog"
        return self._lane.open()

    def process(self, batch: Batch) -> None:
        self._lane.process(batch)
        if self._at_once:
            self.idle()

    def idle(self) -> None:
        if self._idle is not None:
            self._idle(self._lane, self._clock.now_ms())

    def close(self) -> None:
        self._lane.close()


def table_opener(
    context: LaneContext, source: str, changelog: str, core_of: PartitionCore, idle: Idle | None = None
) -> Opener:
    """Opens lanes over a table: `source` in, `changelog` for the table, decided by the core that `core_of` makes."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        return CoreLane(context, source, changelog, partition, clock, partial(core_of, partition), idle)

    return open_lane


def _described(context: LaneContext, source: str, changelog: str) -> tuple[bytes, int]:
    """(which topics these are, how long the changelog keeps deletions in ms), asked anew for each opening."""
    try:
        counts = partition_counts(context.admin, REQUEST_SECONDS)
        unfit = [name for name in (source, changelog) if counts.get(name) != context.partitions]
        if unfit:
            raise LaneBroken(
                f"{', '.join(unfit)} must have the log's {context.partitions} partitions, and has "
                f"{', '.join(str(counts.get(name, 0)) for name in unfit)}",
                "create the topic with `accrue topics apply`, then `accrue lane resume TOPIC PARTITION`",
            )
        origin = origin_of(context.admin, (source, changelog))
        return origin, int(topic_config(context.admin, changelog, REQUEST_SECONDS)["delete.retention.ms"])
    except (KafkaException, TimeoutError) as error:
        raise LaneFailed(f"{source} and {changelog} are not to be looked at: {error}") from error
