"""Slopes, intervals, ratios and percentiles, on numbers whose results are known."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from bench import report
from bench.contenders import BARE, FAUST, WORKER, Contender, Run
from bench.intervals import Interval, interval_of_median
from bench.latency import percentiles_ms
from bench.load import Size
from bench.measure import Sample, Slope, Stalled, slope, watch
from bench.open_loop import Schedule

SIZE = Size(1_000, 100)
MS_NS = 1_000_000


def sample(at_s: float, offset: int, cpu_s: float = 0.0) -> Sample:
    return Sample(at_s, offset, cpu_s, 0.0, 0.0, 0.0)


def run(number: int, contender: Contender, cpu_us: float, void: str = "") -> Run:
    return Run(number, contender.name, SIZE, Slope(cpu_us, 1e6 / cpu_us, 1.0, 0.1, 0.1, 0.1, 0.5), void)


# ---- slope


def test_the_slope_leaves_out_start_and_end() -> None:
    # 2 s of start-up and 5 s of winding down, both busy, around 1,000 events in 10 s at 40 % of a core.
    steady = [sample(2 + n, n * 97, 3.0 + 0.4 * n) for n in range(11)]
    samples = [sample(0, 0), sample(1, 0, 1.5), *steady, sample(17, 970, 20.0)]

    found = slope(samples, SIZE.events, 0.5)

    assert found.events_per_s == pytest.approx(100)
    assert found.cpu_us_per_event == pytest.approx(4_000)
    assert found.cores == pytest.approx(0.4)


def test_what_neither_contender_nor_broker_nor_harness_used_is_others() -> None:
    samples = [Sample(float(n), n * 10, 0.5 * n, 0.3 * n, 0.1 * n, 1.6 * n) for n in range(101)]

    found = slope(samples, SIZE.events, 0.5)

    assert (found.cores, found.broker_cores) == (pytest.approx(0.5), pytest.approx(0.3))
    assert (found.harness_cores, found.other_cores) == (pytest.approx(0.1), pytest.approx(0.7))


def test_a_load_that_is_gone_within_a_sample_gives_no_slope() -> None:
    with pytest.raises(ValueError, match="take more events"):
        slope([sample(0, 0), sample(1, 970)], SIZE.events, 0.5)


class Recorded:
    """Stands for the processors: samples without measuring."""

    def sample(self, at_s: float, offset: int) -> Sample:
        return sample(at_s, offset)


def test_watching_ends_when_all_is_there_and_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.SETTLED_S", 0.05)
    offsets = iter([0, 50, 100, 101])
    last = 0

    def progress() -> int:
        nonlocal last
        last = next(offsets, last)
        return last

    samples = watch(progress, Recorded(), 100, lambda: None)  # type: ignore[arg-type]

    assert samples[-1].offset == 101
    assert [s.offset for s in samples][:4] == [0, 50, 100, 101]


def test_watching_gives_up_on_what_does_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.STALLED_S", 0.05)

    with pytest.raises(Stalled, match=r"at offset 99 .* 100 decisions"):
        watch(lambda: 99, Recorded(), 100, lambda: None)  # type: ignore[arg-type]


def test_watching_raises_what_the_check_of_the_process_raises() -> None:
    def ended() -> None:
        raise RuntimeError("it ended")

    with pytest.raises(RuntimeError, match="it ended"):
        watch(lambda: 0, Recorded(), 100, ended)  # type: ignore[arg-type]


# ---- intervals


@pytest.mark.parametrize(
    ("n", "low", "high", "confidence"),
    [(1, 1, 1, 0.0), (3, 1, 3, 0.75), (6, 1, 6, 0.9688), (7, 1, 7, 0.9844), (9, 2, 8, 0.9609), (20, 6, 15, 0.9586)],
)  # fmt: skip
def test_the_interval_is_that_of_the_sign_test(n: int, low: int, high: int, confidence: float) -> None:
    """Against the table of order statistics in textbooks."""
    found = interval_of_median([float(value) for value in range(n, 0, -1)])

    assert found == Interval((n + 1) / 2, low, high, pytest.approx(confidence, abs=1e-4))


def test_no_values_have_no_median() -> None:
    with pytest.raises(ValueError, match="at least one"):
        interval_of_median([])


# ---- ratios


def test_each_run_is_compared_with_the_workers_nearest_in_time() -> None:
    runs = [run(1, WORKER, 50), run(2, BARE, 40), run(3, BARE, 50), run(4, WORKER, 100), run(5, FAUST, 1_000)]

    bare, faust = report.comparisons(runs)

    assert (bare.pairs, bare.interval.low, bare.interval.high) == (2, 1.25, 2.0)
    assert not bare.met
    assert (faust.pairs, faust.interval.median) == (1, 0.1)
    assert not faust.met


def test_void_runs_count_nowhere() -> None:
    runs = [run(1, WORKER, 50), run(2, BARE, 40), run(3, BARE, 1, void="digest"), run(4, WORKER, 1, void="digest")]

    (bare,) = report.comparisons(runs)

    assert (bare.pairs, bare.interval.median, bare.met) == (1, 1.25, True)
    assert "void: digest" in report.text(runs)
    assert "1 runs" in report.text(runs)


def test_without_pairs_there_is_no_ratio() -> None:
    assert report.comparisons([run(1, WORKER, 50)]) == []
    assert report.as_json([run(1, WORKER, 50)])["ratios"] == []


def test_figures_replace_those_of_the_same_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "doc.md"
    two = "<!-- figures: two -->\nkept\n<!-- end of figures: two -->\n"
    path.write_text(f"a\n<!-- figures: one -->\nold\n<!-- end of figures: one -->\nb\n{two}")

    report.write_figures(path, "one", "new")

    assert path.read_text() == f"a\n<!-- figures: one -->\nnew\n<!-- end of figures: one -->\nb\n{two}"
    with pytest.raises(ValueError, match="figures: three"):
        report.write_figures(path, "three", "new")


# ---- latency


def test_events_are_due_by_the_schedule_whatever_was_sent() -> None:
    schedule = Schedule(1_000 * MS_NS, rate=100.0)

    assert schedule.due_ns(0) == 1_000 * MS_NS
    assert schedule.due_ns(5) == 1_050 * MS_NS
    assert schedule.due_by(999 * MS_NS) == 0
    assert schedule.due_by(1_000 * MS_NS) == 1
    assert schedule.due_by(1_051 * MS_NS) == 6


def test_latency_counts_from_when_an_event_was_due_so_a_stall_is_in_it() -> None:
    """Nothing is seen for a second, then everything at once: every event of that second has waited."""
    schedule = Schedule(0, rate=100.0)
    stalled_until_ns = 1_000 * MS_NS
    seen_ns = array("q", [max(stalled_until_ns, schedule.due_ns(n) + MS_NS) for n in range(200)])

    found, missing = percentiles_ms(seen_ns, schedule, first=0)

    assert missing == 0
    assert found[50.0] == pytest.approx(1, rel=0.01)  # of the 100 that were due after the stall
    assert found[90.0] == pytest.approx(800, rel=0.02)
    assert found[100.0] == pytest.approx(1_000, rel=0.01)


def test_what_was_not_seen_is_missing_and_the_warm_up_is_left_out() -> None:
    schedule = Schedule(0, rate=1_000.0)
    seen_ns = array("q", [500 * MS_NS if n < 10 else schedule.due_ns(n) + 2 * MS_NS for n in range(100)])
    seen_ns[50] = 0

    found, missing = percentiles_ms(seen_ns, schedule, first=10)

    assert missing == 1
    assert found[100.0] == pytest.approx(2, rel=0.01)
