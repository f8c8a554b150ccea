"""How records become batches: by number, by size, and never with a gap between two."""

from __future__ import annotations

import threading

import pytest

from pipeline.lane import fetcher
from pipeline.lane.fetcher import Buffer
from pipeline.lane.lane_set import plain_record
from pipeline.lane.ports import Batch, Record
from pipeline.lane.runner import Attachment


def buffer_of(*records: Record) -> Buffer:
    buffer = Buffer(Attachment(5, threading.Event()), plain_record)
    buffer.add(list(records))
    return buffer


def cut(buffer: Buffer, limit: int) -> tuple[list[int], int, int]:
    batch = buffer.cut(limit)
    buffer.attachment.offer(batch)
    return [record[0] for record in batch.records], batch.start, batch.end


def test_batches_follow_each_other_over_the_gaps_that_markers_leave() -> None:
    buffer = buffer_of((7, 0, None, b"a"), (9, 0, None, b"b"), (20, 0, None, b"c"))

    assert cut(buffer, 2) == ([7, 9], 5, 10)
    assert cut(buffer, 2) == ([20], 10, 21)
    assert not buffer.records
    assert buffer.bytes == 0


def test_a_batch_is_cut_short_by_size_but_holds_at_least_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "BATCH_BYTES_MAX", 10)
    buffer = buffer_of((5, 0, None, b"x" * 6), (6, 0, None, b"x" * 4), (7, 0, None, b"x"), (8, 0, None, b"x" * 99))

    assert cut(buffer, 100)[0] == [5, 6]
    assert cut(buffer, 100)[0] == [7]
    assert buffer.bytes == 99
    assert cut(buffer, 100)[0] == [8]


def test_a_partition_is_paused_by_number_or_size_and_resumed_well_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "BUFFERED_MAX", 4)
    monkeypatch.setattr(fetcher, "BUFFERED_BYTES_MAX", 100)
    many = buffer_of(*((offset, 0, None, None) for offset in range(5, 10)))
    large = buffer_of((5, 0, None, b"x" * 101))
    assert many.full
    assert large.full

    cut(many, 4)
    cut(large, 4)

    assert many.low
    assert large.low


@pytest.mark.parametrize(
    ("offsets", "start", "end"), [((), 0, 0), ((3,), 4, 5), ((3,), 0, 3)], ids=["empty", "before", "beyond"]
)
def test_a_batch_that_contradicts_itself_is_not_made(offsets: tuple[int, ...], start: int, end: int) -> None:
    with pytest.raises(AssertionError):
        Batch([(offset, 0, None, None) for offset in offsets], start, end)
