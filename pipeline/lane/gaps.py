"""Whether what was read is all there is to read: offsets that are missing in it must be no records."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import cast, final

from pipeline.lane.keys import MARKER
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed, Reader, Record
from pipeline.lane.remedies import lost_records


def check_there(reader: Reader, topic: str, partition: int, position: int) -> None:
    """Raises LaneBroken unless the log still has what a lane that has come to `position` reads next."""
    start, end = reader.bounds(topic, partition)
    if not start <= position <= end:
        raise LaneBroken(
            f"{topic}/{partition} holds offsets {start} to {end}, but its lane has come to {position}: "
            "records are lost or the topic was created anew",
            lost_records(start, end, position),
        )


def check_whole(reader: Reader, topic: str, partition: int, batch: Batch) -> None:
    """Raises LaneFailed unless the batch holds every committed record from its start to its last one.

    Where transactions end, or were aborted, offsets are missing by nature; that they are no more than that is not for
    the consumer that left them out to say, so the log is asked again.
    """
    records = batch.records
    last = records[-1][0]
    if last + 1 - batch.start == len(records):
        return
    there = [
        record[0]
        for chunk in reader.read(topic, partition, batch.start, last + 1)
        for record in chunk
        if record[0] <= last
    ]
    given = [record[0] for record in records]
    if there != given:
        missing = sorted(set(there) - set(given))
        raise LaneFailed(
            f"{topic}/{partition}: {batch!r} lacks {len(missing)} records of the log, the first at {missing[:1]}: "
            "the consumer passed them over"
        )


@final
class Witness:
    """Reads a changelog a second time, along with its first reading, wherever that leaves out what it cannot explain.

    A lane's marker is the last record of a transaction, so the offset behind it is no record's: while nothing else is
    missing, nothing is read twice. Compaction and aborted transactions leave out more. What vanishes between the two
    readings was compacted meanwhile; what only the second one finds was passed over by the first.
    """

    def __init__(self, reader: Reader, topic: str, partition: int, start: int, end: int) -> None:
        """`reader` makes the witness's own where one is needed; the reading goes from `start` to `end`."""
        self._reader = reader
        self._topic = topic
        self._partition = partition
        self._proven = start
        self._end = end
        self._marker_before = 0  # 1 where the last record is a marker
        self._own: Reader | None = None
        self._reading: Iterator[Sequence[Record]] = iter(())
        self._read_to = -1
        self._ahead: list[int] = []  # offsets that it has read beyond what was compared

    def check(self, records: Sequence[Record]) -> None:
        """Raises LaneFailed unless `records` are all there are from the end of those before to their own last one."""
        end = records[-1][0] + 1
        missing = end - self._proven - len(records)
        markers = self._marker_before
        self._marker_before = int(records[-1][2] == MARKER)
        if missing and missing != markers - self._marker_before + [record[2] for record in records].count(MARKER):
            self._compare(records, end)
        self._proven = end

    def check_end(self) -> None:
        """Raises LaneFailed if there are records behind the last ones that were checked."""
        if self._end - self._proven > self._marker_before:
            self._compare((), self._end)
        self._proven = self._end

    def close(self) -> None:
        """Let go of the witness's own reader."""
        self._stop()
        if self._own is not None:
            self._own.close()

    def _compare(self, records: Sequence[Record], end: int) -> None:
        given = {record[0] for record in records}
        missing = [offset for offset in self._offsets(end) if offset not in given]
        if missing:  # the witness may have read ahead of the first reading, and compaction have come between
            self._stop()
            missing = [offset for offset in self._offsets(end) if offset not in given]
        if missing:
            raise LaneFailed(
                f"{self._topic}/{self._partition}: a reading from {self._proven} to {end} lacks {len(missing)} records "
                f"of the changelog, the first at {missing[0]}: the consumer passed them over"
            )

    def _offsets(self, end: int) -> list[int]:
        """Where records stand from the end of what is proven to `end`."""
        if self._read_to != self._proven:
            self._stop()
            self._own = self._own or self._reader.another()
            self._reading = self._own.read(self._topic, self._partition, self._proven, self._end)
        found = self._ahead
        while not found or found[-1] < end:
            chunk = next(self._reading, None)
            if chunk is None:
                break
            found += [record[0] for record in chunk]
        self._ahead = [offset for offset in found if offset >= end]
        self._read_to = end
        return found[: len(found) - len(self._ahead)]

    def _stop(self) -> None:
        """End the reading under way, if there is one."""
        if hasattr(self._reading, "close"):
            cast("Generator[Sequence[Record]]", self._reading).close()
        self._reading, self._ahead, self._read_to = iter(()), [], -1
