"""A batch or a restore that lacks records is noticed, whatever the consumer says; gaps of transactions are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeSession
from fake_store import FakeStore

from pipeline.lane import keys
from pipeline.lane.changelog import Changelog
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


class Changelogs:
    """A changelog written in transactions of two records and a marker, one of them aborted, and a store of it."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.content: dict[bytes, bytes] = {}
        log = self.broker.log("state", 0)
        for number in range(6):
            session = FakeSession()
            for name in (b"p%da" % number, b"p%db" % number):
                log.append(name, b"parked", 1, session)
            log.append(keys.MARKER, keys.Marker(number, 0, 0, 0).pack(), 1, session)
            self.broker.end_session(session, "aborted" if number == 3 else "committed")

    def restore(self, reader: FakeReader) -> None:
        """Raises LaneFailed."""
        Changelog("state", "ids", 0, b"origin", 1 << 40).restore(
            reader, FakeStore(self.content), lambda: 1, lambda _: None
        )


class Forgetful(FakeReader):
    """Passes over the record at `left_out`, or with `rest` over all from there on; its witness reads everything."""

    def __init__(self, broker: FakeBroker, left_out: int, *, rest: bool = False, chunk: int = 4) -> None:
        super().__init__(broker, chunk=chunk)
        self.left_out = left_out
        self.rest = rest
        self.asked = 0

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        for records in super().read(topic, partition, start, end):
            kept = [r for r in records if r[0] != self.left_out and not (self.rest and r[0] > self.left_out)]
            if kept:
                yield kept

    def another(self) -> FakeReader:
        self.asked += 1
        return FakeReader(self._broker, chunk=self._chunk)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_a_restore_notices_every_record_that_the_consumer_passes_over(chunk: int) -> None:
    offsets = [record[0] for record in FakeReader(Changelogs().broker, chunk=100).read("state", 0, 0, 99).__next__()]
    for left_out in offsets:
        changelogs = Changelogs()
        with pytest.raises(LaneFailed, match=rf"lacks 1 records of the changelog, the first at {left_out}: the cons"):
            changelogs.restore(Forgetful(changelogs.broker, left_out, chunk=chunk))
        stands_at = keys.unpack_number(changelogs.content.get(keys.CHANGELOG_POSITION, bytes(8)))
        assert stands_at <= left_out, "nothing behind it is kept"

        changelogs.restore(FakeReader(changelogs.broker))
        undisturbed = Changelogs()
        undisturbed.restore(FakeReader(undisturbed.broker))
        assert changelogs.content == undisturbed.content


def test_a_restore_notices_that_the_rest_is_missing() -> None:
    for left_out in (0, 5, 21):
        changelogs = Changelogs()
        with pytest.raises(LaneFailed, match=rf"the first at {left_out}: the consumer passed them over"):
            changelogs.restore(Forgetful(changelogs.broker, left_out, rest=True))


def test_nothing_is_read_twice_where_markers_explain_every_gap() -> None:
    changelogs = Changelogs()
    changelogs.broker.log("state", 0).entries[12:16] = []  # the aborted transaction
    for offset, entry in enumerate(changelogs.broker.log("state", 0).entries):
        if entry.record is not None:
            entry.record = (offset, *entry.record[1:])
    for chunk in (1, 4, 100):
        changelogs.content.clear()
        reader = Forgetful(changelogs.broker, -1, chunk=chunk)
        changelogs.restore(reader)
        assert reader.asked == 0


def test_what_compaction_took_is_no_loss_though_it_takes_more_between_the_two_readings() -> None:
    changelogs = Changelogs()
    log = changelogs.broker.log("state", 0)

    class Compacted(Forgetful):
        def another(self) -> FakeReader:
            log.entries[8].record = None
            return super().another()

    log.entries[0].record = None
    changelogs.restore(Compacted(changelogs.broker, -1, chunk=100))
    assert b"p0b" in changelogs.content
    assert b"p0a" not in changelogs.content


def test_what_the_witness_read_ahead_and_was_compacted_since_is_no_loss() -> None:
    changelogs = Changelogs()
    log = changelogs.broker.log("state", 0)
    log.entries[0].record = None

    class Slow(FakeReader):
        """Asks for each chunk when it gets there; its witness has fetched the whole by then."""

        def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
            while chunk := self._broker.log(topic, partition).read(start, end, 4):
                yield chunk
                log.entries[8].record = None
                start = chunk[-1][0] + 1

        def another(self) -> FakeReader:
            return FakeReader(self._broker, chunk=100)

    changelogs.restore(Slow(changelogs.broker))
    assert b"p2a" not in changelogs.content
    assert b"p2b" in changelogs.content
