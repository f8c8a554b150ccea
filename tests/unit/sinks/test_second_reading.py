"""A sink that is given less than the log holds notices; gaps where transactions ended are none."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError

from pipeline.settings import Settings
from pipeline.sinks import second_reading
from pipeline.sinks.loop import Sink
from pipeline.sinks.second_reading import SecondReader, Stretch, check_whole
from pipeline.sinks.target import AwayError, Batch, Position, TopicPartition

PLACE = ("entries", 0)
THERE = [0, 1, 3, 4, 7]
"""Offsets of committed records; transactions end at 2, 5 and 8, and what stood at 6 was aborted."""
TOPIC_ID = "id"


class Log:
    """What a second reading finds."""

    def __init__(self) -> None:
        self.asked: list[Mapping[TopicPartition, Stretch]] = []

    def offsets(self, stretches: Mapping[TopicPartition, Stretch]) -> dict[TopicPartition, list[int]]:
        self.asked.append(stretches)
        return {place: [at for at in THERE if start <= at < end] for place, (start, end) in stretches.items()}


def test_whatever_is_left_out_is_noticed() -> None:
    check_whole({PLACE: THERE}, {PLACE: 0}, Log())
    for left_out in THERE[:-1]:
        with pytest.raises(AwayError, match=rf"passed over 1 records of entries\[0\], the first at offset {left_out}:"):
            check_whole({PLACE: [at for at in THERE if at != left_out]}, {PLACE: 0}, Log())


def test_only_stretches_with_gaps_are_read_again() -> None:
    log = Log()
    other = ("entries", 1)

    check_whole({PLACE: [3, 4], other: [0, 1]}, {PLACE: 2, other: 0}, log)
    check_whole({other: [2, 3]}, {other: 2}, log)

    assert log.asked == [{PLACE: (2, 5)}]


class FakeMessage:
    def __init__(self, offset: int, error: int | None = None) -> None:
        self._offset = offset
        self._error = error

    def error(self) -> KafkaError | None:
        return None if self._error is None else KafkaError(self._error)

    def topic(self) -> str:
        return PLACE[0]

    def partition(self) -> int:
        return PLACE[1]

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"%d" % self._offset


class Source:
    """Passes over the record at offset 3 in its first session."""

    def __init__(self) -> None:
        self.again = Log()
        self.sessions: list[int] = []
        self._left: list[int] = []

    def partitions(self) -> dict[TopicPartition, str]:
        return {PLACE: TOPIC_ID}

    def bounds(self, _partitions: Any) -> dict[TopicPartition, tuple[int, int]]:
        return {PLACE: (0, 9)}

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.sessions.append(offsets[PLACE])
        self._left = [at for at in THERE if at >= offsets[PLACE] and (at != 3 or len(self.sessions) > 1)]

    def fetch(self, _records: int, _size_bytes: int, _linger_s: float) -> list[FakeMessage]:
        fetched, self._left = self._left[:2], self._left[2:]
        return [FakeMessage(at) for at in fetched]

    def all_at_end(self) -> bool:
        return not self._left

    def lag(self, _partition: TopicPartition, _next_offset: int) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


class Held:
    """A target in memory."""

    name = "held"
    record_types = frozenset({str})
    takes_tombstones = False

    def __init__(self) -> None:
        self.offsets: dict[TopicPartition, Position] = {}
        self.values: list[object] = []

    def open(self) -> None:
        """It is."""

    def positions(self) -> dict[TopicPartition, Position]:
        return dict(self.offsets)

    def begin(self, partition: TopicPartition, position: Position) -> None:
        self.offsets.setdefault(partition, position)

    def write(self, batch: Batch) -> int:
        self.values += [record.value for record in batch.records]
        for partition, (_expected, after) in batch.moves.items():
            self.offsets[partition] = Position(after, TOPIC_ID)
        return len(batch.records)

    def start_anew(self, reason: str) -> None:
        raise AssertionError(reason)

    def close(self) -> None:
        """Nothing is held open."""


class Texts:
    def output(self, value: bytes) -> str:
        return value.decode()


def test_a_sink_that_was_given_too_little_begins_anew_where_its_target_stands() -> None:
    source, target = Source(), Held()

    Sink(source, Texts(), target).run(threading.Event(), until_end=True)  # type: ignore[arg-type]

    assert target.values == [str(at) for at in THERE]
    assert source.sessions == [0, 2], "the batch with the gap was not written"


class FakeConsumer:
    """Gives these messages, then nothing."""

    def __init__(self, *chunks: list[FakeMessage]) -> None:
        self._chunks = list(chunks)
        self.assigned = 0
        self.closed = False

    def assign(self, places: list[Any]) -> None:
        self.assigned = len(places)

    def unassign(self) -> None:
        self.assigned = 0

    def consume(self, _records: int, _seconds: float) -> list[FakeMessage]:
        return self._chunks.pop(0) if self._chunks else []

    def close(self) -> None:
        self.closed = True


END = KafkaError._PARTITION_EOF


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ([[FakeMessage(3)], [FakeMessage(4), FakeMessage(7)]], [3, 4]),  # it reads on until the stretch is behind it
        ([[FakeMessage(3), FakeMessage(4), FakeMessage(8, END)]], [3, 4]),
        ([[FakeMessage(5), FakeMessage(8)]], [5]),
        ([[], [FakeMessage(9, END)]], []),
    ],
)
def test_a_second_reading_ends_where_the_stretch_does(
    monkeypatch: pytest.MonkeyPatch, chunks: list[list[FakeMessage]], found: list[int]
) -> None:
    consumer = FakeConsumer(*chunks)
    monkeypatch.setattr(second_reading, "new_consumer", lambda *_: consumer)

    assert SecondReader(Settings(), "group").offsets({PLACE: (3, 6)}) == {PLACE: found}
    assert consumer.assigned == 0


def test_a_second_reading_that_fails_is_made_through_a_new_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    consumers = [
        FakeConsumer([FakeMessage(3), FakeMessage(4, KafkaError.UNKNOWN_TOPIC_OR_PART)]),
        FakeConsumer([FakeMessage(3)]),
        FakeConsumer([FakeMessage(3), FakeMessage(6, END)]),
    ]
    left = list(consumers)
    monkeypatch.setattr(second_reading, "new_consumer", lambda *_: left.pop(0))
    reader = SecondReader(Settings(), "group", patience_s=0.0)

    with pytest.raises(AwayError, match="Kafka: "):
        reader.offsets({PLACE: (3, 6)})
    with pytest.raises(AwayError, match="no answer within 0 s"):
        reader.offsets({PLACE: (3, 6)})
    assert reader.offsets({PLACE: (3, 6)}) == {PLACE: [3]}
    assert [consumer.closed for consumer in consumers] == [True, True, False]
