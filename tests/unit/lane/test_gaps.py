"""A batch that lacks records of the log is noticed, whatever the consumer says; gaps of transactions are none."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeSession

from pipeline.lane.gaps import check_whole
from pipeline.lane.ports import Batch, LaneFailed, Record


def a_log() -> FakeBroker:
    """Offsets 0 to 9: a transaction's records 2 and 3 and its marker 4, an aborted one's record 6 and marker 7."""
    broker = FakeBroker()
    log = broker.log("t", 0)
    for value in (b"0", b"1"):
        log.append(b"k", value, 1)
    for values, end in (((b"2", b"3"), "committed"), ((b"6",), "aborted")):
        session = FakeSession()
        for value in values:
            log.append(b"k", value, 1, session)
        broker.end_session(session, end)
        log.append(b"k", b"after", 1)
    log.append(b"k", b"9", 1)
    return broker


def committed(broker: FakeBroker) -> list[Record]:
    return [record for chunk in FakeReader(broker).read("t", 0, *FakeReader(broker).bounds("t", 0)) for record in chunk]


def batch_of(records: list[Record], start: int = 0) -> Batch:
    return Batch(records, start, records[-1][0] + 1)


def test_gaps_where_transactions_ended_are_no_loss() -> None:
    broker = a_log()
    records = committed(broker)
    assert [offset for offset, *_ in records] != list(range(len(records))), "the log has gaps"

    check_whole(FakeReader(broker), "t", 0, batch_of(records))


def test_records_that_were_passed_over_are_noticed_wherever_they_were() -> None:
    broker = a_log()
    records = committed(broker)
    for left_out in range(len(records) - 1):
        with pytest.raises(LaneFailed, match=rf"lacks 1 records of the log, the first at \[{records[left_out][0]}\]"):
            check_whole(FakeReader(broker), "t", 0, batch_of(records[:left_out] + records[left_out + 1 :]))


def test_a_batch_that_ends_before_the_log_does_is_whole() -> None:
    broker = a_log()
    records = committed(broker)
    for length in range(1, len(records)):
        check_whole(FakeReader(broker), "t", 0, batch_of(records[:length]))


def test_a_batch_without_gaps_is_not_read_again() -> None:
    class NoReader:
        def bounds(self, topic: str, partition: int) -> tuple[int, int]:
            raise AssertionError("asked")

        read = close = bounds  # type: ignore[assignment]

    check_whole(NoReader(), "t", 0, batch_of([(5, 1, None, b"v"), (6, 1, None, b"v")], 5))  # type: ignore[arg-type]
