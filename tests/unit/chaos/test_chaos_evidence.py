"""How a chaos run looks at itself: recovery from samples, what logs say, and when a kind counts as fulfilled."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.evidence import Row
from tests.chaos.monitor import LANES, Monitor, Sample
from tests.chaos.process_logs import ProcessLogs


def monitor_with(samples: list[Sample], partitions: int = 2) -> Monitor:
    monitor = Monitor.__new__(Monitor)
    monitor.samples = {LANES: samples}
    monitor._partitions = partitions
    return monitor


def test_recovery_ends_when_all_that_was_there_has_been_worked_off_in_every_partition() -> None:
    monitor = monitor_with(
        [
            Sample(10.0, [5, 5], [5, 5]),
            Sample(11.0, [9, 7], [5, 5]),
            Sample(12.0, [20, 20], [9, 5]),
            Sample(13.0, [30, 30], [10, 7]),
        ]
    )

    assert monitor.recovered_s(LANES, 10.5) == 2.5
    assert monitor.recovered_s(LANES, 9.5) == 0.5
    assert monitor.recovered_s(LANES, 12.5) is None, "the last look finds work undone"
    assert monitor.recovered_s(LANES, 14.0) is None, "nobody looked"


def test_a_partition_stands_still_while_it_has_work_and_does_not_move() -> None:
    monitor = monitor_with(
        [
            Sample(0.0, [0, 9], [0, 0]),
            Sample(4.0, [0, 9], [0, 3]),
            Sample(11.0, [0, 9], [0, 3]),
            Sample(12.0, [0, 9], [0, 9]),
            Sample(90.0, [0, 9], [0, 9]),
        ]
    )

    assert monitor.longest_standstill_s() == (7.0, 1, 4.0)


def test_logs_are_read_on_as_they_grow_and_half_lines_wait(tmp_path: Path) -> None:
    logs = ProcessLogs(tmp_path)
    path = tmp_path / "worker.log"
    assert logs.everything("worker") == []
    path.write_text(
        'metrics: http://127.0.0.1:1/metrics\n{"event": "a", "timestamp": "2026-01-01T00:00:01Z"}\n{"event"'
    )
    assert [said.event for said in logs.everything("worker")] == ["a"]
    with path.open("a") as file:
        file.write(': "b", "timestamp": "2026-01-01T00:00:03Z"}\n')
    since_s = logs.everything("worker")[0].at_s + 1

    assert [said.event for said in logs.since("worker", since_s)] == ["b"]
    assert logs.found(["other", "worker"], since_s, lambda said: said.event == "b")
    assert not logs.found(["worker"], since_s, lambda said: said.event == "a")
    assert logs.metrics_url("worker") == "http://127.0.0.1:1/metrics"


def test_a_kind_counts_once_it_was_done_often_enough_did_bite_and_was_recovered_from() -> None:
    assert Row("k", due=2, done=2, bit=1).fulfilled
    assert not Row("k", due=2, done=1, bit=1).fulfilled
    assert not Row("k", due=2, done=2, bit=0).fulfilled
    assert not Row("k", due=2, done=2, bit=2, never=1).fulfilled
