"""Cohort baselines: when they take effect, what is refused and forgotten, the same in whatever partition."""

from __future__ import annotations

import random
import re

import pytest
from core_programs import DAY_MS, HOUR_MS, Bench
from fraud_cohort_bench import LEAD_MS, alerts, baselines, cohort, cohort_signal, judged_by
from fraud_signals import MINUTE_MS, with_signals

from pipeline.core.cohorts import AHEAD_MS, COHORTS_MAX, KEPT_MS, SPACING_MS
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.memory import Dead
from pipeline.core.payloads import (
    Payload,
    ProgramActivated,
    QuarantineReleased,
    TransactionCompleted,
)
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.core.simulate import Simulation


def test_the_timestamp_of_the_record_chooses_the_baselines_to_the_millisecond_whenever_it_occurred() -> None:
    bench = judged_by(cohort_signal("all"), (cohort("", "all"), 20))
    first_ms = bench.now_ms
    second = baselines(first_ms + SPACING_MS, (cohort("", "all"), 200), name="second")
    bench.later(SPACING_MS - LEAD_MS)
    bench.engine.take_baselines(second, bench.now_ms)

    bench.now_ms = first_ms + SPACING_MS - 1
    bench.buy("before", 101_00)
    bench.now_ms = first_ms + SPACING_MS
    bench.buy("then", 101_00)
    bench.buy("late", 102_00, occurred_at_ms=first_ms)

    assert alerts(bench) == [("before", 101, 100)]


def test_records_before_the_first_baselines_are_not_judged() -> None:
    bench = Bench(with_signals(cohort_signal("all")))
    bench.engine.take_baselines(baselines(bench.now_ms + LEAD_MS, (cohort("", "all"), 20)), bench.now_ms)
    bench.later(LEAD_MS - 1).buy("before", 101_00)
    bench.later(1).buy("then", 101_00)

    assert alerts(bench) == [("then", 101, 100)]


def test_repeated_baselines_change_nothing() -> None:
    bench = Bench()
    record = baselines(bench.now_ms + LEAD_MS, (cohort("", "all"), 20))
    bench.engine.take_baselines(record, bench.now_ms)
    bench.engine.take_baselines(record, bench.now_ms + HOUR_MS)

    assert bench.state.baselines() == [record]
    assert bench.of(Dead) == []


@pytest.mark.parametrize(
    ("after_ms", "detail"),
    [
        (LEAD_MS - 1, "publish with effective_at 2026-01-10T12:05:00Z or later"),
        (AHEAD_MS + 1, "publish with effective_at 2026-01-11T12:00:00Z or earlier"),
    ],
)
def test_baselines_take_effect_neither_too_soon_nor_too_late(after_ms: int, detail: str) -> None:
    bench = Bench()
    bench.engine.take_baselines(baselines(bench.now_ms + after_ms, (cohort("", "all"), 20)), bench.now_ms)

    (dead,) = bench.of(Dead)
    assert (dead.reason, bench.state.baselines()) == ("baselines_refused", [])
    assert detail in dead.detail


def test_no_baselines_while_others_wait_to_take_effect_and_none_too_soon_after_them() -> None:
    bench = Bench()
    first = baselines(bench.now_ms + HOUR_MS, (cohort("", "all"), 20))
    bench.engine.take_baselines(first, bench.now_ms)
    second = baselines(first.effective_at_ms + SPACING_MS, (cohort("", "all"), 20), name="second")
    bench.engine.take_baselines(second, first.effective_at_ms - 1)
    early = baselines(first.effective_at_ms + SPACING_MS - 1, (cohort("", "all"), 20), name="early")
    bench.engine.take_baselines(early, first.effective_at_ms)
    refusals = [dead.detail for dead in bench.of(Dead)]
    bench.engine.take_baselines(second, first.effective_at_ms)

    assert ["publish after that" in detail for detail in refusals] == [True, False]
    assert "2026-01-10T14:00:00Z or later" in refusals[1]
    assert bench.state.baselines() == [first, second]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"points": [1]}, "points are 1; 2 are needed: 2 for each cohort"),
        ({"permille": []}, r"permille is \[\]"),
        ({"permille": [999, 500]}, "in ascending order"),
        ({"points": [1, -1]}, "points are below 0"),
        ({"cohorts": [cohort("x")] * (COHORTS_MAX + 1)}, "cohorts are 2001; publish at most 2000"),
    ],
)
def test_baselines_that_are_not_whole_are_refused(changes: dict[str, object], detail: str) -> None:
    bench = Bench()
    record = baselines(bench.now_ms + LEAD_MS, (cohort("", "all"), 20))
    for field, value in changes.items():
        setattr(record, field, value)
    bench.engine.take_baselines(record, bench.now_ms)

    (dead,) = bench.of(Dead)
    assert dead.reason == "baselines_refused"
    assert re.search(detail, dead.detail)
    assert bench.state.baselines() == []


def test_those_superseded_two_hours_before_the_newest_were_published_are_forgotten() -> None:
    bench = Bench()
    start_ms = bench.now_ms
    effective = [start_ms + HOUR_MS, start_ms + 2 * HOUR_MS, start_ms + 3 * HOUR_MS]
    for number, at_ms in enumerate(effective):
        bench.engine.take_baselines(baselines(at_ms, (cohort("", "all"), 20), name=str(number)), at_ms - LEAD_MS)
    newest = baselines(effective[1] + KEPT_MS + HOUR_MS, (cohort("", "all"), 20), name="newest")
    bench.engine.take_baselines(newest, effective[1] + KEPT_MS)

    assert [one.baseline_id for one in bench.state.baselines()] == ["1", "2", "newest"]
    assert bench.of(Dead) == []


def test_what_was_parked_is_judged_by_the_baselines_of_its_release() -> None:
    failing = with_signals(cohort_signal("all"))
    bench = Bench(failing, careful=True, quarantined=frozenset({("m", "shop", "parked", "")}))
    parked_ms = bench.now_ms
    bench.buy("parked", 101_00)
    bench.engine.take_baselines(baselines(parked_ms + HOUR_MS, (cohort("", "all"), 20)), parked_ms)
    bench.later(2 * HOUR_MS).send("release", QuarantineReleased("mended"))
    bench.buy("after", 101_00)

    assert alerts(bench) == [("parked", 101, 100), ("after", 101, 100)]


class One:
    """The only programme."""

    def __init__(self, only: Program) -> None:
        self.only = only

    def program(self, program_hash: str) -> Program:
        if program_hash != self.only.program_hash:
            raise UnknownProgram(program_hash)
        return self.only


@pytest.mark.parametrize("seed", range(5))
def test_the_same_alerts_for_any_number_of_partitions(seed: int) -> None:
    """Records of each partition keep their order; control records come to each when they may, which differs."""

    def run(partitions: int) -> list[tuple[object, ...]]:
        draw, order = random.Random(seed), random.Random(partitions)
        signals = with_signals(cohort_signal("all", per="day", live=False))
        simulation = Simulation(One(signals), partitions, lambda member: int(member) % partitions, Horizons())
        simulation.take_everywhere(0, ProgramActivated(signals.program_hash, 0, "test", ""))
        step_ms = 10 * MINUTE_MS
        logs: list[list[tuple[int, int, object]]] = [[] for _ in range(partitions)]
        for number in range(300):
            at_ms = DAY_MS + number * step_ms
            payload: Payload = TransactionCompleted(f"o{number}", draw.randrange(1, 200) * 100, "EUR", "", "", "", [])
            member = str(draw.randrange(8))
            event = Event(f"e{number}", member, at_ms, "shop", "", {}, payload, at_ms)
            logs[int(member) % partitions].append((at_ms, at_ms, event))
        for number in range(40):
            at_ms = DAY_MS + number * HOUR_MS
            record = baselines(at_ms + HOUR_MS, (cohort("", "all", per="day"), draw.randrange(1, 40)), name=str(number))
            for log in logs:
                # A record of a later timestamp may stand before it by as much as clocks may differ.
                log.append((at_ms + order.randrange(0, HOUR_MS - LEAD_MS), at_ms, record))
        for partition, log in enumerate(logs):
            for offset, (_, recorded_at_ms, record_) in enumerate(sorted(log, key=lambda one: one[0])):
                simulation.take(partition, offset, recorded_at_ms, record_)  # type: ignore[arg-type]
        return sorted(alert.to_tuple() for alert in simulation.result().alerts)

    whole = run(1)
    assert len(whole) > 20
    assert run(3) == whole
    assert run(8) == whole
