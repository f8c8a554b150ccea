"""When ticks are wanted, which times a broker accepts, and what a relaying lane does."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader

from pipeline.core.horizons import TICK_GRACE_MS
from pipeline.lane.appender import MARGIN_MS, Append, TimeRefused, acceptable_ms
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed
from pipeline.lane.relay import RelayLane, relayed
from pipeline.lane.ticks import AT_LEAST_EVERY_MS, PAUSE_MS, Ticker, tick_wanted
from pipeline.wire.partitioner import partition_of

NOW_MS = 1_800_000_000_000
FIVE_MINUTES_MS = 300_000
TEN_MINUTES_MS = 600_000


@pytest.mark.parametrize(
    ("first_due_ms", "last_tick_ms", "importing", "wanted"),
    [
        (0, NOW_MS - AT_LEAST_EVERY_MS, False, False),
        (NOW_MS + 1, NOW_MS - AT_LEAST_EVERY_MS, False, True),
        (NOW_MS + 1, NOW_MS - AT_LEAST_EVERY_MS + 1, False, False),
        (NOW_MS - TICK_GRACE_MS, NOW_MS - PAUSE_MS, False, True),
        (NOW_MS - TICK_GRACE_MS + 1, NOW_MS - PAUSE_MS, False, False),
        (NOW_MS - TICK_GRACE_MS, NOW_MS - PAUSE_MS + 1, False, False),
        (NOW_MS - TICK_GRACE_MS, NOW_MS - AT_LEAST_EVERY_MS, True, False),
    ],
)
def test_a_tick_is_wanted_when_due_work_has_waited_or_an_hour_is_over(
    first_due_ms: int, last_tick_ms: int, importing: bool, wanted: bool
) -> None:
    assert tick_wanted(NOW_MS, first_due_ms, last_tick_ms, importing) is wanted


@pytest.mark.parametrize(
    ("timestamp_ms", "accepted_ms"),
    [
        (0, NOW_MS),
        (NOW_MS - 1000, NOW_MS - 1000),
        (NOW_MS - 86_400_000, NOW_MS - TEN_MINUTES_MS + MARGIN_MS),
        (NOW_MS + 86_400_000, NOW_MS + FIVE_MINUTES_MS - MARGIN_MS),
    ],
)
def test_no_record_is_stamped_with_a_time_that_the_broker_refuses(timestamp_ms: int, accepted_ms: int) -> None:
    assert acceptable_ms(timestamp_ms, NOW_MS, TEN_MINUTES_MS, FIVE_MINUTES_MS) == accepted_ms


def test_an_import_keeps_its_times() -> None:
    assert acceptable_ms(5, NOW_MS, 2**63 - 1, FIVE_MINUTES_MS) == 5


class Committed:
    """Group offsets that a test sets."""

    def __init__(self, position: int | None) -> None:
        self.position = position

    def committed(self, topic: str, partition: int) -> int | None:
        return self.position


def lane_over(records: int, committed: int | None, sent: list[Append]) -> RelayLane:
    broker = FakeBroker()
    for number in range(records):
        broker.log("derived", 2).append(b"m%d" % number, b"v%d" % number, 1)
    return RelayLane("derived", 2, FakeReader(broker), Committed(committed), relayed(4), sent.extend)


def test_derived_events_go_to_the_partition_of_the_member_whom_they_are_for() -> None:
    sent: list[Append] = []
    lane = lane_over(2, None, sent)
    assert lane.open() == 0

    lane.process(Batch([(0, 0, b"m0", b"v0"), (1, 77, b"m1", b"v1")], 0, 2))

    assert sent == [(partition_of(b"m0", 4), b"m0", b"v0", 0), (partition_of(b"m1", 4), b"m1", b"v1", 77)]
    assert lane.position == 2


def test_a_relay_goes_on_where_its_group_was_and_notices_a_gap() -> None:
    lane = lane_over(3, 1, [])
    assert lane.open() == 1

    with pytest.raises(LaneFailed, match="lost or repeated"):
        lane.process(Batch([(2, 0, b"m2", b"v2")], 2, 3))


def test_a_relay_whose_records_are_gone_breaks() -> None:
    with pytest.raises(LaneBroken, match="relayed up to 9"):
        lane_over(3, 9, []).open()


def test_nothing_counts_as_relayed_that_was_not_acknowledged() -> None:
    def refuse(_records: list[Append]) -> None:
        raise LaneFailed("no broker")

    lane = lane_over(1, None, [])
    lane._append = refuse  # the appender is away
    lane.open()

    with pytest.raises(LaneFailed):
        lane.process(Batch([(0, 0, b"m0", b"v0")], 0, 1))
    assert lane.position == 0


class IdleLane:
    """A lane between batches: something is due, and no tick was ever there."""

    last_tick_ms = 0
    importing = False

    def first_due_ms(self) -> int:
        return 1


def test_a_refused_tick_is_not_asked_for_again_at_once_and_the_lane_goes_on() -> None:
    asked: list[Append] = []

    def refuse(records: list[Append]) -> None:
        asked.extend(records)
        raise TimeRefused("the clock is wrong")

    ticker = Ticker(2, b"tick", refuse)
    for second in range(60):
        ticker.maybe_tick(IdleLane(), NOW_MS + second * 1000)  # type: ignore[arg-type]

    assert len(asked) == 1
    assert ticker.appended == 0
    ticker.maybe_tick(IdleLane(), NOW_MS + PAUSE_MS)  # type: ignore[arg-type]
    assert len(asked) == 2


def test_ticks_go_on_when_a_clock_that_was_ahead_is_put_right() -> None:
    asked: list[Append] = []
    ticker = Ticker(2, b"tick", asked.extend)
    ticker.maybe_tick(IdleLane(), NOW_MS + 86_400_000)  # type: ignore[arg-type]
    ticker.maybe_tick(IdleLane(), NOW_MS)  # type: ignore[arg-type]

    assert len(asked) == 2


def test_a_broken_append_still_fails_the_lane() -> None:
    def fail(_records: list[Append]) -> None:
        raise LaneFailed("no broker")

    with pytest.raises(LaneFailed, match="no broker"):
        Ticker(2, b"tick", fail).maybe_tick(IdleLane(), NOW_MS)  # type: ignore[arg-type]
