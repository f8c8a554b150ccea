"""The loop that all sinks share: read, decode, write records with their offsets, wait for whatever is away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Message

from pipeline import logs, metrics
from pipeline.sinks.second_reading import check_whole
from pipeline.sinks.source import LogSource
from pipeline.sinks.target import (
    AwayError,
    Batch,
    OffsetsMovedError,
    Position,
    Reject,
    SinkError,
    SinkRecord,
    Target,
    TopicPartition,
)
from pipeline.wire.codec import UNKNOWN_SCHEMA, Decoder, RegistryUnavailable, Undecodable

BATCH_RECORDS: Final = 2000
BATCH_BYTES: Final = 16 * 1024 * 1024
LINGER_S: Final = 0.05
IDLE_CHECK_S: Final = 1.0
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_LONGEST_S: Final = 10.0


class Sink:
    """One sink: a source, a decoder and a target. Runs once, in the thread that calls `run`, which closes both."""

    def __init__(
        self,
        source: LogSource,
        decoder: Decoder,
        target: Target,
        *,
        accept_gaps: bool = False,
        reject_unknown_schemas: bool = False,
    ) -> None:
        """accept_gaps: where the log no longer holds what was not read yet, go on behind the gap, do not stop.

        reject_unknown_schemas: a record whose schema the registry does not know is rejected. Else the sink waits: a
        registry that lost its schemas would have all records rejected.
        """
        self._source = source
        self._decoder = decoder
        self._target = target
        self._accept_gaps = accept_gaps
        self._reject_unknown_schemas = reject_unknown_schemas
        self._log = logs.logger("accrue.sink").bind(sink=target.name)
        self._failures = 0
        self._reads: dict[TopicPartition, int] = {}  # where this session began to read

    def run(self, stop: threading.Event, *, until_end: bool = False) -> None:
        """Carry records until `stop` is set, or with `until_end` until every partition was read to its end.

        What is away is waited for, as long as it takes. A batch under way is finished before this returns. Raises
        SinkError where a person has to decide; nothing is then lost: the target holds everything up to its offsets.
        """
        try:
            while not stop.is_set():
                try:
                    self._session(stop, until_end)
                    return
                except OffsetsMovedError as error:
                    self._log.info("sink offsets moved", detail=str(error))
                except AwayError as error:
                    metrics.sink_waits.labels(self._target.name).inc()
                    self._log.warning("sink waits", detail=str(error), failures=self._failures)
                stop.wait(self._backoff_s())
        finally:
            metrics.sink_up.labels(self._target.name).set(0)
            self._target.close()
            self._source.close()

    def _session(self, stop: threading.Event, until_end: bool) -> None:
        """From the offsets that the target holds until `stop`, the end, or the first trouble."""
        self._target.open()
        positions, self._reads = self._starts()
        self._source.start(self._reads)
        metrics.sink_up.labels(self._target.name).set(1)
        self._log.info("sink reads", partitions={f"{t}[{p}]": offset for (t, p), offset in sorted(positions.items())})
        checked_s = time.monotonic()
        while not stop.is_set():
            messages = self._source.fetch(BATCH_RECORDS, BATCH_BYTES, LINGER_S)
            if messages:
                self._write(messages, positions)
                checked_s = time.monotonic()
            elif until_end and self._source.all_at_end():
                self._compare(positions)
                return
            elif time.monotonic() - checked_s >= IDLE_CHECK_S:
                self._compare(positions)
                self._show_lag(positions)
                checked_s = time.monotonic()

    def _starts(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """(offsets that the target holds, offsets to read from); the log's beginning where the target holds none."""
        topic_ids = self._source.partitions()
        held = self._target.positions()
        for partition, topic_id in topic_ids.items():
            if partition in held and held[partition].topic_id != topic_id:
                self._target.start_anew(
                    f"topic {partition[0]} was created anew: its id is {topic_id}, not {held[partition].topic_id}"
                )
                held = {}
                break
        positions: dict[TopicPartition, int] = {}
        reads: dict[TopicPartition, int] = {}
        for partition, (first, end) in self._source.bounds(topic_ids).items():
            known = held.get(partition)
            if known is None:
                self._target.begin(partition, Position(first, topic_ids[partition]))
                positions[partition] = reads[partition] = first
            else:
                self._check_bounds(partition, known.next_offset, first, end)
                positions[partition] = known.next_offset
                reads[partition] = max(first, known.next_offset)
        return positions, reads

    def _check_bounds(self, partition: TopicPartition, next_offset: int, first: int, end: int) -> None:
        place = f"{partition[0]}[{partition[1]}]"
        if next_offset > end:
            raise SinkError(
                f"{self._target.name} stands at offset {next_offset} of {place}, but the log ends at {end}: "
                "it has lost records or is another log; restore it, or let the sink write to an empty target"
            )
        if next_offset < first and not self._accept_gaps:
            raise SinkError(
                f"{self._target.name} stands at offset {next_offset} of {place}, but the log begins at {first}: "
                "what lies between was deleted before it was read; restore the target from a newer copy, or accept the "
                "loss with --accept-gaps"
            )

    def _write(self, messages: Sequence[Message], positions: dict[TopicPartition, int]) -> None:
        batch = self._batch(messages, positions)
        started_s = time.monotonic()
        changed = self._target.write(batch)
        metrics.sink_batch_seconds.labels(self._target.name).observe(time.monotonic() - started_s)
        metrics.sink_records.labels(self._target.name).inc(len(batch.records))
        metrics.sink_changes.labels(self._target.name).inc(changed)
        for reject in batch.rejects:
            metrics.sink_rejects.labels(self._target.name, reject.reason).inc()
            self._log.error(
                "record rejected",
                place=f"{reject.topic}[{reject.partition}]:{reject.offset}",
                reason=reject.reason,
                detail=reject.detail,
            )
        for partition, (_expected, next_offset) in batch.moves.items():
            positions[partition] = next_offset
        self._failures = 0
        self._show_lag(positions)

    def _batch(self, messages: Sequence[Message], positions: dict[TopicPartition, int]) -> Batch:
        """Decode what was read. Raises AwayError while the registry is away, and if records were passed over."""
        self._check_whole(messages, positions)
        batch = Batch()
        for message in messages:
            topic, partition, offset = str(message.topic()), message.partition() or 0, message.offset() or 0
            expected = positions[topic, partition]
            if offset < expected:  # fetched before the last seek: the target holds it
                continue
            value = message.value()
            try:
                record = SinkRecord(topic, partition, offset, message.key() or b"", self._decoded(value))
            except Undecodable as error:
                if error.reason == UNKNOWN_SCHEMA and not self._reject_unknown_schemas:
                    raise AwayError(
                        f"{topic}[{partition}]:{offset}: {error.detail}; or, if the record is none of the pipeline's, "
                        "set it aside with --reject-unknown-schemas"
                    ) from error
                batch.rejects.append(Reject(topic, partition, offset, error.reason, error.detail, value or b""))
            except RegistryUnavailable as error:
                raise AwayError(f"registry: {error}") from error
            else:
                batch.records.append(record)
            batch.moves[topic, partition] = (expected, offset + 1)
        return batch

    def _check_whole(self, messages: Sequence[Message], positions: dict[TopicPartition, int]) -> None:
        given: dict[TopicPartition, list[int]] = {}
        starts = {partition: max(offset, self._reads[partition]) for partition, offset in positions.items()}
        for message in messages:
            partition, offset = (str(message.topic()), message.partition() or 0), message.offset() or 0
            if offset >= starts[partition]:
                given.setdefault(partition, []).append(offset)
        check_whole(given, starts, self._source.again)

    def _decoded(self, value: bytes | None) -> object | None:
        if value is None:
            if not self._target.takes_tombstones:
                raise Undecodable("tombstone", "a record without a value: this topic is kept for good")
            return None
        record = self._decoder.output(value)
        if type(record) not in self._target.record_types:
            raise Undecodable("unexpected_type", f"a {type(record).__name__} has no place in {self._target.name}")
        return record

    def _compare(self, positions: dict[TopicPartition, int]) -> None:
        """Notice while idle that the target was wiped, restored or written to by another instance."""
        held = self._target.positions()
        for partition, next_offset in positions.items():
            if partition not in held or held[partition].next_offset != next_offset:
                found = held[partition].next_offset if partition in held else "nothing"
                raise OffsetsMovedError(f"{partition[0]}[{partition[1]}]: {found} instead of {next_offset}")
        self._failures = 0

    def _show_lag(self, positions: dict[TopicPartition, int]) -> None:
        for (topic, partition), next_offset in positions.items():
            lag = self._source.lag((topic, partition), next_offset)
            if lag is not None:
                metrics.sink_lag.labels(self._target.name, topic, str(partition)).set(lag)

    def _backoff_s(self) -> float:
        """Doubles with each failure in a row, to a limit; partly random, so that instances do not march in step."""
        longest_s = min(BACKOFF_LONGEST_S, BACKOFF_FIRST_S * float(1 << min(self._failures, 16)))
        self._failures += 1
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
