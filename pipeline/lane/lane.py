"""The exactly-once loop of one source partition, as explicit steps over ports; it knows neither threads nor Kafka.

open: fence -> restore -> locate. process: chain check -> decode -> prefetch -> apply -> commit (transaction, then
store). A step that fails raises, and the lane is of no more use: whoever runs it closes it and opens a new one, which
finds in the changelog what was committed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol, final

from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import CohortBaselines, Control, ProgramActivated, Tick
from pipeline.core.ports import Programs, UnknownProgram
from pipeline.core.reasons import WRONG_PARTITION
from pipeline.lane import keys
from pipeline.lane.belonging import Belonging
from pipeline.lane.changelog import Changelog, Progress, Restored
from pipeline.lane.changes import Changes
from pipeline.lane.commit import Committer
from pipeline.lane.faults import Faults, GuardedPrograms, guarded_decode
from pipeline.lane.gaps import check_there, check_whole
from pipeline.lane.outputs import Encoder, LaneOutputs, OutputTopics
from pipeline.lane.ports import Batch, Clock, LaneBroken, LaneFailed, Reader, Store, Transaction
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.remedies import unpassable
from pipeline.lane.state import CACHED_MEMBERS, LaneState, RecordAtHand
from pipeline.wire.codec import RegistryUnavailable, Undecodable

Decoded = Event | Control | Undecodable

WAIT_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Decoder(Protocol):
    """The part of `pipeline.wire.codec.Decoder` that a lane reads with."""

    def decode(self, value: bytes, recorded_at_ms: int, /) -> Event | Control: ...


class Observer(Protocol):
    """Who counts and logs; never asked for anything."""

    def restoring(self, progress: Progress) -> None: ...
    def opened(self, position: int, restored: Restored, seconds: float) -> None: ...
    def waiting(self, why: Exception, seconds: float) -> None: ...
    def committed(self, records: int, outputs: LaneOutputs, seconds: float) -> None: ...


@final
class LaneSetup:
    """What is the same for every opening of a partition's lane.

    A transaction is cut after `members_per_tick` members of a tick, and after the record that brings it to
    `outputs_per_transaction` output records. `cached_members` tells how many decoded members the young generation of
    the lane's cache may hold now. `turn` is held while records are decided, not while anything is waited for.
    """

    __slots__ = (
        "cached_members",
        "changelog",
        "horizons",
        "members_per_tick",
        "outputs_per_transaction",
        "partition",
        "partitions",
        "topics",
        "turn",
    )

    def __init__(
        self,
        partition: int,
        partitions: int,
        topics: OutputTopics,
        changelog: Changelog,
        horizons: Horizons,
        members_per_tick: int = 1_000,
        outputs_per_transaction: int = 20_000,
        cached_members: Callable[[], int] = lambda: CACHED_MEMBERS,
        turn: contextlib.AbstractContextManager[object] = contextlib.nullcontext(),  # noqa: B008 - it has no state
    ) -> None:
        self.cached_members = cached_members
        self.partition = partition
        self.partitions = partitions
        self.topics = topics
        self.changelog = changelog
        self.horizons = horizons
        self.members_per_tick = members_per_tick
        self.outputs_per_transaction = outputs_per_transaction
        self.turn = turn


@final
class Lane:
    """One opening of one partition's lane. Used by one thread.

    `position` is the source offset up to which everything is committed.
    """

    def __init__(
        self,
        setup: LaneSetup,
        reader: Reader,
        transaction: Transaction,
        store: Store,
        clock: Clock,
        programs: Programs,
        decoder: Decoder,
        encoder: Encoder,
        observer: Observer,
    ) -> None:
        self._setup = setup
        self._reader = reader
        self._transaction = transaction
        self._store = store
        self._clock = clock
        self._programs = programs
        self._decode_value = decoder.decode
        self._observer = observer
        self._at = RecordAtHand()
        self._outputs = LaneOutputs(setup.topics, setup.partition, setup.partitions, encoder, self._at)
        self._belonging = Belonging(setup.partition, setup.partitions)
        self._committer = Committer(setup.topics.changelog, setup.topics.ids, transaction, store, clock)
        self._faults = Faults()
        self._careful = False
        self._cursor = 0  # index of the record at hand in its batch
        self._marker = keys.Marker(0, 0, 0, 0)
        self._last_tick_ms = 0
        self.position = -1  # not open

    # ---- open

    def open(self) -> int:
        """Returns the position to read from. Raises LaneFailed (try again) or LaneBroken (do not)."""
        started = self._clock.monotonic()
        self.fence()
        restored = self.restore()
        position = self.locate(restored)
        self._observer.opened(position, restored, self._clock.monotonic() - started)
        return position

    def fence(self) -> None:
        self._transaction.fence()

    def restore(self) -> Restored:
        """Bring the store up to the changelog's end, which no other can move any more."""
        changelog = self._setup.changelog
        return changelog.restore(self._reader, self._store, self._clock.now_ms, self._observer.restoring)

    def locate(self, restored: Restored) -> int:
        """Take the position from the last marker and check that the log still has what comes next."""
        marker = self._setup.changelog.marker(self._store, restored.ids_end)
        topic, partition = self._setup.topics.source, self._setup.partition
        self._marker = marker or keys.Marker(0, 0, 0, restored.ids_end)
        position = self._marker.position
        check_there(self._reader, topic, partition, position)
        self._state = LaneState(self._store, self._at, self._faults, self._outputs.balance)
        self._state.discard_ids_before(self._marker.last_tick_ms - 2 * self._setup.horizons.duplicates_ms)
        self._reset()
        self.position = position
        return position

    def close(self) -> None:
        """Let go of producer and store. What was not committed is gone, which is what exactly once asks for."""
        with contextlib.ExitStack() as parts:  # the store comes last and in any case: another opening needs its lock
            parts.callback(self._store.close)
            parts.callback(self._reader.close)
            parts.callback(self._transaction.close)

    # ---- process

    def process(self, batch: Batch) -> None:
        """Apply and commit a whole batch, in one transaction or, where it grows large, in several.

        Waits where a program or the registry is not there. Raises LaneFailed, LaneBroken, or LaneClosing while waiting.
        """
        self.check_chain(batch)
        done = 0
        waits = 0
        while done < len(batch.records):
            decoded, obstacle = self.decode(batch, done)
            before = done
            if decoded:
                done, halted = self.work(batch, done, decoded)
                obstacle = halted or obstacle
            if obstacle is not None:
                waits = waits + 1 if done == before else 1
                seconds = WAIT_SECONDS[min(waits, len(WAIT_SECONDS)) - 1]
                self._observer.waiting(obstacle, seconds)
                self._clock.wait(seconds)

    def check_chain(self, batch: Batch) -> None:
        """A batch must begin where the lane stands and be whole: records lost, repeated or out of order are noticed."""
        if batch.start != self.position:
            raise LaneFailed(f"{batch!r} does not follow position {self.position}: batches were lost or repeated")
        check_whole(self._reader, self._setup.topics.source, self._setup.partition, batch)

    def decode(self, batch: Batch, first: int) -> tuple[list[Decoded], Exception | None]:
        """Values of the records from index `first` on, up to one that the registry has to be asked for and cannot."""
        decode = self._decode_value
        decoded: list[Decoded] = []
        for _offset, timestamp_ms, _key, value in batch.records[first:] if first else batch.records:
            try:
                decoded.append(decode(value or b"", timestamp_ms))
            except Undecodable as error:
                decoded.append(error)
            except RegistryUnavailable as error:
                return decoded, error
        return decoded, None

    def work(self, batch: Batch, first: int, decoded: list[Decoded]) -> tuple[int, Exception | None]:
        """Apply and commit decoded records: (index of the first that is not committed, what stood in its way)."""
        self._state.prefetch([item for item in decoded if type(item) is Event])
        index = first
        stop = first + len(decoded)
        while index < stop:
            try:
                with self._setup.turn:
                    reached, position = self._apply(batch, decoded, first, index, stop)
                    changes = self._collect()
            except (UnknownProgram, RegistryUnavailable) as error:
                obstacle, cursor = error, self._cursor
                self._rewind()
                if cursor > index:  # what comes before the obstacle need not wait for it
                    return self.work(batch, index, decoded[index - first : cursor - first])[0], obstacle
                return index, obstacle
            except (LaneFailed, LaneBroken, MemoryError):
                raise
            except Exception as error:
                self._rewind()
                if self._careful:
                    offset = batch.records[self._cursor][0]
                    raise LaneBroken(
                        f"the record at offset {offset} cannot be got over: {error!r}", unpassable(offset)
                    ) from error
                self._careful = self._state.careful = True
                continue
            self._careful = self._state.careful = False
            self.commit(changes, position, reached - index)
            index = reached
        return stop, None

    def _apply(self, batch: Batch, decoded: list[Decoded], first: int, index: int, stop: int) -> tuple[int, int]:
        """Apply records from `index` to `stop` or to where the transaction is cut: (index, position) to commit."""
        engine, outputs, at, faults = self._engine, self._outputs, self._at, self._faults
        known = self._belonging.known
        members_per_tick, outputs_max = self._setup.members_per_tick, self._setup.outputs_per_transaction
        apply = engine.apply_carefully if self._careful else engine.apply
        records = batch.records
        for i in range(index, stop):
            offset, at.timestamp_ms, at.key, at.value = records[i]
            at.offset = offset
            self._cursor = i
            item = decoded[i - first]
            if type(item) is Event:
                at.event = item
                if known.get(at.key) != item.member_id and (fault := self._belonging.fault(at.key, item)):
                    outputs.dead_letter(WRONG_PARTITION, fault, item)
                else:
                    apply(item, at.value or b"", offset)
                    faults.check()
            elif type(item) is Tick:
                at.event = None
                if not engine.tick(item.mode, at.timestamp_ms, members_per_tick):
                    return i, offset  # the rest of the tick in a transaction of its own
                self._last_tick_ms = at.timestamp_ms
            elif type(item) is ProgramActivated:
                engine.activate(item, at.timestamp_ms)
            elif type(item) is CohortBaselines:
                engine.take_baselines(item, at.timestamp_ms)
            else:
                assert isinstance(item, Undecodable)
                outputs.dead_letter(item.reason, item.detail, None)
            if outputs.count >= outputs_max:
                return i + 1, offset + 1
        return stop, batch.end if stop == len(records) else records[stop - 1][0] + 1

    # ---- commit

    def commit(self, changes: Changes, position: int, records: int) -> None:
        """Make what was decided durable: `records` records of the source, up to `position`."""
        started = self._clock.monotonic()
        self._outputs.balances(changes.balances)
        marker = keys.Marker(position, self._engine.log_time_ms, self._last_tick_ms, self._marker.ids_end)
        ends = self._committer.transact(self._outputs.messages(), changes, marker)
        self._committer.keep(changes, marker, ends)
        self._state.cached_members = self._setup.cached_members()
        self._state.committed()
        self._observer.committed(records, self._outputs, self._clock.monotonic() - started)
        self._outputs.clear()
        self._marker = marker
        self._marker.ids_end = ends.get(self._setup.topics.ids, marker.ids_end)
        self.position = position

    # ---- for the owner of the lane

    @property
    def last_tick_ms(self) -> int:
        """Time of the last tick applied, 0 if there was none."""
        return self._marker.last_tick_ms

    @property
    def importing(self) -> bool:
        """Whether the last tick was an importer's."""
        return self._marker.log_time_ms != 0

    def first_due_ms(self) -> int:
        """When the earliest due work falls due, 0 if there is none."""
        return self._state.first_due_ms()

    @property
    def quarantined(self) -> Mapping[str, Quarantined]:
        """Who stands still in this partition, as of the last commit. Any thread, once the lane is open."""
        return self._state.quarantined

    # ---- inner

    def _collect(self) -> Changes:
        """What was decided, packed. Raises what failed outside, and MemberTooLarge."""
        self._faults.check()
        return self._state.collect(self._outputs.quarantined)

    def _rewind(self) -> None:
        """Back to the last commit."""
        self._state.forget_changes()
        self._outputs.clear()
        self._reset()

    def _reset(self) -> None:
        self._faults.clear()
        self._last_tick_ms = self._marker.last_tick_ms
        self._engine = Engine(
            self._setup.partition,
            self._state,
            self._outputs,
            GuardedPrograms(self._programs, self._faults),
            guarded_decode(self._decode_value, self._faults),
            self._setup.horizons,
        )
        self._engine.log_time_ms = self._marker.log_time_ms
