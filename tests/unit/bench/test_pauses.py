"""The longest pause between commits, on commits whose times are known."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader, FakeTransaction

from bench.pauses import Commit, Pause, commits, longest_pause
from pipeline.lane.keys import MARKER, Marker


def test_the_longest_pause_is_sought_where_it_was_asked_for() -> None:
    found = [Commit(at_ms, at_ms) for at_ms in (0, 5_000, 5_100, 5_900, 6_000, 9_000)]

    assert longest_pause(found, 5_050, 5_950) == Pause(5_100, 800)
    assert longest_pause(found, 4_000, 5_950) == Pause(0, 5_000), "one that reaches into the time counts whole"
    assert longest_pause(found, 5_950, 6_100) == Pause(6_000, 3_000)
    with pytest.raises(ValueError, match="keep load on"):
        longest_pause(found, 9_500, 9_600)


def test_commits_are_the_markers_of_committed_transactions() -> None:
    broker = FakeBroker()
    for number, committed in enumerate((True, False, True)):
        transaction = FakeTransaction(broker, "lane", 0)
        transaction.fence()
        transaction.begin()
        transaction.send("changelog", [{"key": b"m1", "value": b"x"}])
        transaction.send("changelog", [{"key": MARKER, "value": Marker(number, 0, 0, 0).pack()}], tracked=True)
        if committed:
            transaction.commit()
    FakeTransaction(broker, "lane", 0).fence()

    assert [commit.position for commit in commits(FakeReader(broker), "changelog", 0)] == [0, 2]
