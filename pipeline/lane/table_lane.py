"""An exactly-once lane for a core of its own: records of one topic in, changes of a table and outputs out.

The steps are those of `pipeline.lane.lane`, over the same ports, with the same changelog, marker and commit:
open: fence -> restore -> locate. process: chain check -> apply -> commit (transaction, then store). What is special to
the log of members (due work, duplicate search, quarantine, programs) is not here; docs/decisions/0008 says how to make
such a lane.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol, final

from pipeline.core.ports import UnknownProgram
from pipeline.lane import keys
from pipeline.lane.changelog import Changelog, Progress, Restored
from pipeline.lane.commit import Committer
from pipeline.lane.gaps import check_there, check_whole
from pipeline.lane.ports import (
    Batch,
    Clock,
    LaneBroken,
    LaneFailed,
    Reader,
    Record,
    Store,
    Transaction,
    Writes,
)
from pipeline.lane.remedies import unpassable
from pipeline.lane.table import Outbox, Table
from pipeline.wire.codec import RegistryUnavailable

WAIT_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
OUTPUTS_PER_TRANSACTION: Final = 20_000


class Core(Protocol):
    """What decides. It must be a function of the records so far: no clock, no randomness, no memory but its table."""

    def apply(self, record: Record) -> None:
        """Take one record: read and write the table, put out.

        Raises UnknownProgram or RegistryUnavailable to have the record tried again later. Anything else that it raises
        stops the partition until a person has looked at it: records that it refuses it must put aside itself.
        """

    def finish(self) -> None:
        """All records of a transaction are applied: put out what stands for them together."""


CoreOf = Callable[[Table, Outbox], Core]
"""Makes the core of a lane; called anew whenever what was not committed has been forgotten."""


class Observer(Protocol):
    """Who counts and logs; never asked for anything."""

    def restoring(self, progress: Progress) -> None: ...
    def opened(self, position: int, restored: Restored, seconds: float) -> None: ...
    def waiting(self, why: Exception, seconds: float) -> None: ...
    def applied(self, records: int, outputs: Outbox, seconds: float) -> None: ...


@final
class TableLane:
    """One opening of the lane of one partition of `source`. Used by one thread.

    `changelog` is of its table, without ids. `position` is the source offset up to which everything is committed.
    """

    def __init__(
        self,
        source: str,
        changelog: Changelog,
        reader: Reader,
        transaction: Transaction,
        store: Store,
        clock: Clock,
        core_of: CoreOf,
        observer: Observer,
        outputs_per_transaction: int = OUTPUTS_PER_TRANSACTION,
    ) -> None:
        assert not changelog.ids_topic, "a lane over a table remembers no ids"
        self._source = source
        self._partition = changelog.partition
        self._changelog = changelog
        self._reader = reader
        self._transaction = transaction
        self._store = store
        self._clock = clock
        self._core_of = core_of
        self._observer = observer
        self._outputs_max = outputs_per_transaction
        self._committer = Committer(changelog.state_topic, "", transaction, store, clock)
        self._table = Table(store)
        self._outbox = Outbox()
        self._core: Core = core_of(self._table, self._outbox)
        self._cursor = 0  # index of the record at hand in its batch
        self.position = -1  # not open

    @property
    def table(self) -> Table:
        """The core's table, for whoever works off what waits in it; on the lane's thread, while it is open."""
        return self._table

    # ---- open

    def open(self) -> int:
        """Returns the position to read from. Raises LaneFailed (try again) or LaneBroken (do not)."""
        started = self._clock.monotonic()
        self._transaction.fence()
        restored = self._changelog.restore(self._reader, self._store, self._clock.now_ms, self._observer.restoring)
        marker = self._changelog.marker(self._store, 0)
        position = 0 if marker is None else marker.position
        check_there(self._reader, self._source, self._partition, position)
        self._rewind()
        self.position = position
        self._observer.opened(position, restored, self._clock.monotonic() - started)
        return position

    def close(self) -> None:
        """Let go of producer and store. What was not committed is gone, which is what exactly once asks for."""
        with contextlib.ExitStack() as parts:  # the store comes last and in any case: another opening needs its lock
            parts.callback(self._store.close)
            parts.callback(self._reader.close)
            parts.callback(self._transaction.close)

    # ---- process

    def process(self, batch: Batch) -> None:
        """Apply and commit a whole batch, in one transaction or, where it puts out much, in several.

        Waits where a program or the registry is not there. Raises LaneFailed, LaneBroken, or LaneClosing while waiting.
        """
        if batch.start != self.position:
            raise LaneFailed(f"{batch!r} does not follow position {self.position}: batches were lost or repeated")
        check_whole(self._reader, self._source, self._partition, batch)
        done = waits = 0
        while done < len(batch.records):
            before = done
            done, obstacle = self._work(batch, done)
            if obstacle is not None:
                waits = waits + 1 if done == before else 1
                seconds = WAIT_SECONDS[min(waits, len(WAIT_SECONDS)) - 1]
                self._observer.waiting(obstacle, seconds)
                self._clock.wait(seconds)

    def perform(self, work: Callable[[], None]) -> None:
        """Have work done that no record brings, in a transaction of its own; the position stays.

        `work` reads and writes the table and puts out, as the core does; nothing is committed where it did neither.
        What it raises leaves everything as it was.
        """
        started = self._clock.monotonic()
        try:
            work()
        except BaseException:
            self._rewind()
            raise
        if self._table.changed or self._outbox.count:
            self._commit(self.position, 0, started)

    def _work(self, batch: Batch, first: int) -> tuple[int, Exception | None]:
        """Apply and commit records from index `first`: (index of the first that is not committed, what stood in its
        way)."""
        index = first
        stop = len(batch.records)
        obstacle: Exception | None = None
        while index < stop:
            started = self._clock.monotonic()
            try:
                reached = self._apply(batch.records, index, stop)
            except (UnknownProgram, RegistryUnavailable) as error:
                obstacle, stop = error, self._cursor  # what comes before the obstacle need not wait for it
                self._rewind()
                continue
            except (LaneFailed, LaneBroken, MemoryError):
                raise
            except Exception as error:
                self._rewind()
                offset = batch.records[self._cursor][0]
                raise LaneBroken(
                    f"the record at offset {offset} cannot be got over: {error!r}", unpassable(offset)
                ) from error
            position = batch.end if reached == len(batch.records) else batch.records[reached - 1][0] + 1
            self._commit(position, reached - index, started)
            index = reached
        return index, obstacle

    def _apply(self, records: Sequence[Record], index: int, stop: int) -> int:
        """Apply records from `index` to `stop` or to where the transaction is cut; returns the index reached."""
        apply, outbox = self._core.apply, self._outbox
        for i in range(index, stop):
            self._cursor = i
            apply(records[i])
            if outbox.count >= self._outputs_max:
                return i + 1
        return stop

    def _commit(self, position: int, records: int, started: float) -> None:
        self._core.finish()
        marker = keys.Marker(position, 0, 0, 0)
        changes = self._table.collect()
        ends = self._committer.transact(self._outbox.messages(), changes, marker)
        self._committer.keep(changes, marker, ends)
        self._observer.applied(records, self._outbox, self._clock.monotonic() - started)
        self._table.clear()
        self._outbox.clear()
        self.position = position

    def _rewind(self) -> None:
        """Back to the last commit."""
        self._table.clear()
        self._outbox.clear()
        self._core = self._core_of(self._table, self._outbox)


def collect_table(records: Sequence[Record], writes: Writes) -> None:
    """What changelog records of a table mean for the store: themselves."""
    for _offset, _timestamp_ms, key, value in records:
        assert key is not None, "a changelog record has a key"
        if value is None:
            writes.delete(key)
        else:
            writes.put(key, value)


def table_changelog(topic: str, partition: int, origin: bytes, tombstones_kept_ms: int) -> Changelog:
    """The changelog of a table in one partition; see `Changelog` for origin and tombstones."""
    return Changelog(topic, "", partition, origin, tombstones_kept_ms, collect_table)
