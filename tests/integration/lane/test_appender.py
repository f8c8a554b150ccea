"""What is appended to the log carries times that the broker takes, during an import those of history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lane_world import DAY_MS, LaneWorld, now_ms, wait_until

from pipeline import clock
from pipeline.devstack import Settings
from pipeline.history.relaxed import old_timestamps_taken
from pipeline.lane.appender import LogAppender, TimeRefused
from pipeline.lane.kafka import new_admin
from pipeline.lane.ports import LaneFailed

pytestmark = pytest.mark.kafka


@pytest.fixture
def world(settings: Settings, prefix: str, tmp_path: Path) -> Iterator[LaneWorld]:
    with LaneWorld(settings, prefix, tmp_path, partitions=2) as world:
        yield world


def stamped(world: LaneWorld, key: bytes) -> list[int]:
    return [at_ms for p in range(2) for _, at_ms, found, _ in world.records("member-events", p) if found == key]


def test_one_record_of_a_refused_time_does_not_refuse_the_others(world: LaneWorld) -> None:
    appender = LogAppender(world.settings, world.topics.name("member-events"))
    before_ms = now_ms()

    appender.append([
        (0, b"now", b"v", 0),
        (0, b"old", b"v", before_ms - 2 * DAY_MS),
        (0, b"ahead", b"v", before_ms + 2 * DAY_MS),
    ])  # fmt: skip

    assert before_ms <= stamped(world, b"now")[0] <= now_ms()
    assert before_ms - 600_000 < stamped(world, b"old")[0] < before_ms
    assert before_ms < stamped(world, b"ahead")[0] < now_ms() + 300_000


def test_an_import_that_begins_meanwhile_keeps_the_times_of_its_derived_records(world: LaneWorld) -> None:
    appender = LogAppender(world.settings, world.topics.name("member-events"))
    history_ms = now_ms() - 300 * DAY_MS
    appender.append([(0, b"live", b"v", 0)])  # the limits in force are known from now on
    log = world.connection.log

    with old_timestamps_taken(new_admin(world.settings), log.full_name, log.config):
        wait_until(lambda: world.takes_old(history_ms), "old timestamps taken")
        appender.append([(1, b"derived", b"v", history_ms)])

    assert stamped(world, b"derived") == [history_ms]


def test_records_keep_their_order_and_a_broker_that_refuses_is_told_of(world: LaneWorld) -> None:
    appender = LogAppender(world.settings, world.topics.name("member-events"))
    appender.append([(1, b"k", b"%d" % number, 0) for number in range(500)])
    assert [value for *_, key, value in world.records("member-events", 1) if key == b"k"] == [
        b"%d" % number for number in range(500)
    ]

    with pytest.raises(LaneFailed, match=r"took no records|did not acknowledge"):
        appender.append([(1, b"k", b"x" * 1_500_000, 0)])
    appender.append([(1, b"after", b"v", 0)])
    assert len(stamped(world, b"after")) == 1


def test_a_clock_that_is_a_day_wrong_is_told_of_and_nothing_is_written(world: LaneWorld, tmp_path: Path) -> None:
    appender = LogAppender(world.settings, world.topics.name("member-events"))
    appender.append([(0, b"right", b"v", 0)])
    wrong_by = tmp_path / "wrong-by"
    clock.shift_by(wrong_by)
    try:
        for shift_ms in (DAY_MS, -DAY_MS):
            wrong_by.write_text(str(shift_ms))
            wait_until(lambda shift_ms=shift_ms: abs(clock.now_ms() - now_ms()) > abs(shift_ms) // 2, "the wrong time")
            with pytest.raises(TimeRefused, match="the clock here or there is wrong; set it"):
                appender.append([(0, b"wrong", b"v", 0)])
    finally:
        clock.shift_by(None)
    appender.append([(0, b"right", b"v", 0)])

    assert len(stamped(world, b"right")) == 2
    assert stamped(world, b"wrong") == []
