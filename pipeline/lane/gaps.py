"""Whether a batch holds all there is to read: offsets that are missing in it must be no records."""

from __future__ import annotations

from pipeline.lane.ports import Batch, LaneBroken, LaneFailed, Reader
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
