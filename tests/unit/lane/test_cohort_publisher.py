"""When published baselines take effect: never at a moment that a lane would refuse."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, HOUR_MS, ms

from pipeline.core.cohorts import time_fault
from pipeline.core.horizons import Horizons
from pipeline.lane.cohorts import chosen_ms
from pipeline.lane.control import ControlRefused

NOW_MS = ms("2026-03-01T12:00:00")
MINUTE_MS = 60_000
HORIZONS = Horizons()
SOONEST_MS = NOW_MS + 5 * MINUTE_MS + 30_000


def test_without_a_wish_it_is_as_soon_as_can_be() -> None:
    assert chosen_ms(None, NOW_MS, 0, HORIZONS) == SOONEST_MS
    assert chosen_ms(None, NOW_MS + 1, 0, HORIZONS) == SOONEST_MS + 1_000, "a full second"
    assert chosen_ms(None, NOW_MS, NOW_MS - 2 * HOUR_MS, HORIZONS) == SOONEST_MS
    assert chosen_ms(None, NOW_MS, NOW_MS - MINUTE_MS, HORIZONS) == NOW_MS + 59 * MINUTE_MS, "an hour after the newest"


def test_a_wish_is_kept_from_the_soonest_to_a_day_ahead() -> None:
    for asked_ms in (SOONEST_MS, NOW_MS + DAY_MS):
        assert chosen_ms(asked_ms, NOW_MS, 0, HORIZONS) == asked_ms
    for asked_ms, said in (
        (SOONEST_MS - 1, "2026-03-01T12:05:30Z or later"),
        (NOW_MS, "2026-03-01T12:05:00Z or later"),
        (NOW_MS + DAY_MS + 1, "2026-03-02T12:00:00Z or earlier"),
    ):
        with pytest.raises(ControlRefused, match=said):
            chosen_ms(asked_ms, NOW_MS, 0, HORIZONS)


def test_nothing_is_published_while_other_baselines_wait_to_take_effect() -> None:
    with pytest.raises(ControlRefused, match="publish after that"):
        chosen_ms(None, NOW_MS, NOW_MS + 1, HORIZONS)
    assert chosen_ms(None, NOW_MS, NOW_MS, HORIZONS) == NOW_MS + HOUR_MS


@pytest.mark.parametrize("newest_ms", [0, NOW_MS - 3 * HOUR_MS, NOW_MS - 30_000, NOW_MS])
def test_whatever_is_published_a_lane_takes(newest_ms: int) -> None:
    taken = 0
    for wait_ms in range(0, 25 * HOUR_MS, 7 * MINUTE_MS):
        try:
            effective_ms = chosen_ms(NOW_MS + wait_ms, NOW_MS, newest_ms, HORIZONS)
        except ControlRefused:
            continue
        taken += 1
        assert time_fault(effective_ms, NOW_MS, newest_ms, HORIZONS) is None
    assert taken > 100
