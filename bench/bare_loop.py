"""The bare loop: the least code that does a worker's durable work without Faust, threads or lanes of their own.

One confluent-kafka consumer, one transactional producer, one transaction per consumed batch, one RocksDB write per
partition and batch. Core, codec, packed state, changelogs and marker are the pipeline's own, so what a worker costs
beyond this is what Faust, the threads and the lanes cost. It begins with fresh topics, restores nothing, and owns all
partitions for ever: a limit to measure by, not a way to run.

    python -m bench.bare_loop        settings from ACCRUE_* variables, until SIGTERM
"""

from __future__ import annotations

import signal
from typing import Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from pipeline import settings
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.payloads import Tick
from pipeline.lane import keys
from pipeline.lane.changes import Changes
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.faults import Faults, guarded_decode
from pipeline.lane.garbage import collect_after_batch, collect_between_batches
from pipeline.lane.kafka import new_consumer, new_transactional_producer
from pipeline.lane.outputs import LaneOutputs
from pipeline.lane.state import LaneState, RecordAtHand
from pipeline.lane.store import RocksStore
from pipeline.wire.codec import Undecodable

WAIT_S: Final = 0.1
TIMEOUT_S: Final = 30.0
MEMBERS_PER_TICK: Final = 1_000_000


class Partition:
    """Decides the records of one partition and packs what follows from them."""

    def __init__(self, context: LaneContext, number: int) -> None:
        self.number = number
        self.store = RocksStore(context.store_folder(number))
        self._decode = context.decoder.decode
        self._topics = context.topics
        self._at = RecordAtHand()
        self._outputs = LaneOutputs(context.topics, number, context.partitions, context.encoder, self._at)
        self._state = LaneState(self.store, self._at, Faults(), self._outputs.balance)
        self._engine = Engine(
            number, self._state, self._outputs, context.programs, guarded_decode(self._decode, Faults()),
            context.horizons,
        )  # fmt: skip
        packed = self.store.get(keys.MARKER)
        self.position = 0 if packed is None else keys.Marker.unpack(packed).position

    def decide(self, messages: list[Message]) -> None:
        """Take a batch of this partition's records."""
        records = [(m.offset(), m.timestamp()[1], m.key(), m.value() or b"") for m in messages]
        decoded = [self._decoded(value, timestamp_ms) for _offset, timestamp_ms, _key, value in records]
        self._state.prefetch([item for item in decoded if type(item) is Event])
        engine, outputs, at = self._engine, self._outputs, self._at
        for (at.offset, at.timestamp_ms, at.key, at.value), item in zip(records, decoded, strict=True):
            if type(item) is Event:
                at.event = item
                engine.apply(item, at.value, at.offset)
            elif type(item) is Tick:
                at.event = None
                engine.tick(item.mode, at.timestamp_ms, MEMBERS_PER_TICK)
            elif isinstance(item, Undecodable):
                outputs.dead_letter(item.reason, item.detail, None)
            else:
                engine.activate(item, at.timestamp_ms)
        self.position = records[-1][0] + 1

    def send(self, producer: Producer) -> Changes:
        """Queue outputs, changed state, decided ids and the marker; what the store is to hold once it is committed."""
        changes = self._state.collect()
        self._outputs.balances(changes.balances)
        changes.changelog.append((keys.MARKER, keys.Marker(self.position, self._engine.log_time_ms, 0, 0).pack()))
        ids = [{"key": None, "value": changes.ids}] if changes.ids else []
        state = [{"key": key, "value": value} for key, value in changes.changelog]
        for topic, messages in (*self._outputs.messages(), (self._topics.ids, ids), (self._topics.changelog, state)):
            queued = producer.produce_batch(topic, messages, partition=self.number)
            assert queued == len(messages), f"{topic} refused {len(messages) - queued} of {len(messages)} records"
        return changes

    def keep(self, changes: Changes) -> None:
        """Write what was committed to the store."""
        self.store.write(changes.changelog + changes.local)
        self._state.committed()
        self._outputs.clear()

    def _decoded(self, value: bytes, timestamp_ms: int) -> object:
        try:
            return self._decode(value, timestamp_ms)
        except Undecodable as error:
            return error


class BareLoop:
    """Runs until it is told to stop; whatever fails ends it."""

    def __init__(self, found: settings.Settings) -> None:
        context = connect(found)
        self._batch_limit = found.batch_limit
        self._partitions = [Partition(context, number) for number in range(context.partitions)]
        self._producer: Producer = new_transactional_producer(found, f"{found.app_id}-bare-loop")
        self._consumer: Consumer = new_consumer(found, found.app_id)
        self._consumer.assign([TopicPartition(context.topics.source, p.number, p.position) for p in self._partitions])
        self._stopping = False

    def stop(self) -> None:
        """End after the batch at hand; may be called by a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Raises KafkaException, LaneFailed and whatever the core raises."""
        self._producer.init_transactions(TIMEOUT_S)
        collect_between_batches()
        while not self._stopping:
            messages = self._consumer.consume(self._batch_limit, WAIT_S)
            if messages:
                self._process(messages)
                collect_after_batch()
        self._consumer.close()
        for partition in self._partitions:
            partition.store.close()

    def _process(self, messages: list[Message]) -> None:
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            error = message.error()
            assert error is None, f"the consumer got an error: {error}"
            by_partition.setdefault(message.partition() or 0, []).append(message)
        producer = self._producer
        producer.begin_transaction()
        kept: list[tuple[Partition, Changes]] = []
        for number, batch in by_partition.items():
            partition = self._partitions[number]
            partition.decide(batch)
            kept.append((partition, partition.send(producer)))
        producer.commit_transaction(TIMEOUT_S)
        for partition, changes in kept:
            partition.keep(changes)


def main() -> None:
    """Run in the foreground."""
    loop = BareLoop(settings.load())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    loop.run()


if __name__ == "__main__":
    main()
