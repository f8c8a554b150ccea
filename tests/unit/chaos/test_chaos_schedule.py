"""The schedule of a chaos run: the same from the same seed, every kind as often as is promised, within the load."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.failpoints import POINTS, armed
from tests.chaos import schedule
from tests.chaos.chaos_run import EXECUTORS
from tests.chaos.schedule import FIRST_AT, LAST_AT, TRACKS, count_of
from tests.chaos.staff import cards, deck, sink_deck

KINDS = [kind for kinds in TRACKS.values() for kind in kinds]


def test_the_full_run_has_what_is_promised() -> None:
    counts = {kind: count_of(kind, 300) for kind in KINDS}

    assert counts.pop(schedule.WORKER_KILL) == 300
    assert counts.pop(schedule.ZOMBIE) == 60
    assert counts.pop(schedule.REBALANCE) == 100
    assert counts.pop(schedule.BROKER_KILL) + counts.pop(schedule.BROKER_RESTART) == 20
    assert set(counts.values()) == {12}


def test_a_short_run_has_every_kind() -> None:
    counts = {kind: count_of(kind, 25) for kind in KINDS}

    assert all(count >= 1 for count in counts.values())
    assert counts[schedule.REBALANCE] % 2 == 0, "whoever joins leaves"


def test_a_seed_decides_everything_and_another_seed_something_else() -> None:
    first = schedule.schedule(7, 30)

    assert first == schedule.schedule(7, 30)
    assert first.tracks != schedule.schedule(8, 30).tracks
    assert deck(7) == deck(7) != deck(8)


def test_faults_come_in_order_within_the_load_and_each_can_be_done() -> None:
    plan = schedule.schedule(3, 60)

    for faults in plan.tracks.values():
        assert all(FIRST_AT * plan.load_s <= fault.at_s <= LAST_AT * plan.load_s for fault in faults)
        assert all(one.at_s <= other.at_s for one, other in pairwise(faults))
    done = [fault.kind for faults in plan.tracks.values() for fault in faults]
    for kind, count in plan.counts.items():
        assert done.count(kind) == (count // 2 if kind == schedule.REBALANCE else count)
    assert set(done) == set(EXECUTORS)


def test_less_than_one_kill_is_refused() -> None:
    with pytest.raises(ValueError, match="kills is 0: give 1 or more"):
        schedule.schedule(1, 0)


def test_every_failpoint_is_in_a_deck_and_every_card_is_a_setting() -> None:
    for setting in (*deck(5), *sink_deck(5)):
        assert armed(setting) is not None
    assert {setting.split(":")[0] for setting in (*deck(5), *sink_deck(5))} == set(POINTS)
    assert all(cards(5, point) for point in POINTS if point != "sink.write")
