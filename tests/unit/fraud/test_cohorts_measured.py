"""Cohort baselines: measured from the ledger that the core writes, partition by partition, and held in a file."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from core_programs import DAY_MS, FLOOR_POINTS, HOUR_MS, Bench, Reward, ms, program, rule, table

from pipeline.core.calendar import Calendar
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.payloads import ReviewDecided, TransactionCompleted
from pipeline.core.records import LedgerEntry
from pipeline.fraud.baseline_file import BadBaselines, read_file, to_json
from pipeline.fraud.cohorts import (
    NoCohortSignals,
    PartitionMeasure,
    Wanted,
    Window,
    baselines_of,
    last_days,
    wanted_by,
)
from pipeline.fraud.sketches import ACCURACY, Sketch, Sketches, TooManyCohorts

START_MS = ms("2026-01-10")
WINDOW = Window(START_MS, START_MS + 2 * DAY_MS)
BY_EVENT = Wanted("earned", "points", "all", "event")
BY_DAY = Wanted("earned", "points", "all", "day")
VOUCHER = Reward("voucher", FLOOR_POINTS, 10, "house", (), ())


def values(bench: Bench, wanted: Wanted, window: Window = WINDOW, **more: object) -> list[int]:
    """What was measured of the one cohort, from the bench's ledger, ascending."""
    added: list[int] = []
    measured = PartitionMeasure(
        [wanted], window, bench.programs.program("p" * 64).calendar, more.get("members", {}), more.get("partners", {})  # type: ignore[arg-type]
    )  # fmt: skip
    for output in bench.out.journal:
        if isinstance(output, LedgerEntry):
            measured.take(output)
    for sketch in measured.finish().by_cohort.values():
        added += [sketch.points_at(permille) for permille in (0, 1000)]
        added.append(len(sketch.members))
    return added


def test_an_event_counts_with_all_that_its_rules_give() -> None:
    rules = {"transaction_completed": table(rule(), rule("more", fixed=50))}
    bench = Bench(program(rules), start="2026-01-10T12:00:00")
    bench.buy("e1", 100_00)
    bench.buy("e2", 10_00)
    bench.buy("e3", 10_00, "other")

    lowest, highest, members = values(bench, BY_EVENT)
    assert (lowest, members) == (60, 2)
    assert highest == pytest.approx(150, rel=ACCURACY)


def test_a_day_counts_with_all_events_of_the_member_on_it() -> None:
    bench = Bench(start="2026-01-10T12:00:00")
    for number in range(3):
        bench.later(HOUR_MS).buy(f"e{number}", 10_00)
    bench.later(DAY_MS).buy("next", 10_00)

    assert values(bench, BY_DAY) == [10, 30, 1]


def test_only_what_occurred_in_the_window_counts_to_the_millisecond() -> None:
    bench = Bench(start="2026-01-12T12:00:00")
    for event_id, at_ms, points in (
        ("before", WINDOW.since_ms - 1, 1), ("first", WINDOW.since_ms, 2),
        ("last", WINDOW.until_ms - 1, 3), ("after", WINDOW.until_ms, 4),
    ):  # fmt: skip
        bench.buy(event_id, points * 100, occurred_at_ms=at_ms)

    assert values(bench, BY_EVENT) == [2, 3, 1]


def test_points_under_review_count_when_they_are_given_on_the_day_they_were_earned() -> None:
    daily = Counter("E:points/day", "member", "day", 0, 0)
    most = Signal("most", "velocity", "review", True, "earned", "points", 10, 0, daily, "most")
    bench = Bench(program(fraud=FraudProgram((most,), {})), start="2026-01-11T12:00:00")
    bench.buy("held", 40_00)
    bench.buy("rejected", 90_00)
    assert values(bench, BY_EVENT) == []

    reviews = list(bench.member().reviews)
    bench.later(5 * DAY_MS).send("yes", ReviewDecided(reviews[0], "approve", "ada", ""))
    bench.send("no", ReviewDecided(reviews[1], "reject", "ada", ""))

    assert values(bench, BY_EVENT) == [40, 40, 1]
    assert values(bench, BY_DAY) == [40, 40, 1]


def test_redemptions_count_with_what_they_hold_and_purchases_with_what_pays_for_them() -> None:
    bench = Bench(program(rewards=(VOUCHER,)), start="2026-01-10T12:00:00")
    bench.adjust("gift", 1_000)
    bench.redeem("three", quantity=3)
    paid = TransactionCompleted("o", 100_00, "EUR", "", "", "", [], points_paid=20, points_paid_minor=20_00)
    bench.send("paid", paid)

    assert values(bench, Wanted("redeemed", "points", "all", "event")) == [20, 30, 1]


def test_segments_and_tiers_are_those_of_the_members_and_partners_those_of_events() -> None:
    bench = Bench(start="2026-01-10T12:00:00")
    for member in ("a", "b", "c"):
        bench.buy(member, 10_00, member)
    standings = {"a": ("students", "gold"), "b": ("students", "")}
    calendar = bench.programs.program("p" * 64).calendar
    wanted = [Wanted("earned", "points", by, "event") for by in ("partner", "segment", "tier")]
    measured = PartitionMeasure(wanted, WINDOW, calendar, standings, {("a", "shop", "a"): "air"})
    for output in bench.out.journal:
        if isinstance(output, LedgerEntry):
            measured.take(output)

    found = {(by, name): len(one.members) for (_, _, by, _, name), one in measured.finish().by_cohort.items()}
    assert found == {
        ("partner", "air"): 1, ("segment", "students"): 2, ("segment", ""): 1, ("tier", "gold"): 1, ("tier", ""): 2,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_merged_sketches_equal_the_sketch_of_all_and_are_within_the_stated_error(seed: int) -> None:
    draw = random.Random(seed)
    points = [int(draw.paretovariate(1.1)) for _ in range(draw.randrange(1, 3_000))]
    parts = [Sketch() for _ in range(draw.randrange(1, 9))]
    whole = Sketch()
    for number, one in enumerate(points):
        whole.add(f"m{number % 100}", one)
        draw.choice(parts).add(f"m{number % 100}", one)
    merged = Sketch()
    for part in draw.sample(parts, len(parts)):
        merged.merge(part)

    points.sort()
    assert merged.members == whole.members
    for permille in (0, 1, 500, 900, 990, 999, 1000):
        assert merged.points_at(permille) == whole.points_at(permille)
        rank = permille * (len(points) - 1) / 1000
        low, high = points[math.floor(rank)], points[math.ceil(rank)]
        assert low * (1 - ACCURACY) - 0.5 <= whole.points_at(permille) <= high * (1 + ACCURACY) + 0.5


def sketches_of(*sizes: int) -> Sketches:
    made = Sketches()
    for number, size in enumerate(sizes):
        for member in range(size):
            made.add((*BY_EVENT[:2], "segment", "event", f"s{number}"), f"m{member}", 10)
    return made


def test_cohorts_of_fewer_members_are_left_out_however_many_events_they_have() -> None:
    sketches = sketches_of(49, 50)
    for _ in range(100):
        sketches.add(("earned", "points", "segment", "event", "s0"), "m0", 10)

    cohorts, points = sketches.baselines([500, 990], 50)
    assert [(one.name, one.members) for one in cohorts] == [("s1", 50)]
    assert points == [10, 10]


def test_more_cohorts_than_baselines_hold_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.fraud.sketches.COHORTS_MAX", 1)

    with pytest.raises(TooManyCohorts, match=r"2 cohorts have 50 members or more, .* --least-members"):
        sketches_of(50, 50).baselines([500], 50)
    assert len(sketches_of(50, 51).baselines([500], 51)[0]) == 1


def test_what_a_programme_asks_for_is_measured_once() -> None:
    day = Counter("h:earned:points", "member", "habit", 0, 0)
    none = Counter("", "member", "", 0, 0)
    made = [
        Signal(name, "cohort", "review", True, "earned", "points", times, 0, counter, "", 990, after=200, by=by)
        for name, times, counter, by in (("a", 5, day, "tier"), ("b", 9, day, "tier"), ("c", 5, none, "partner"))
    ]
    assert wanted_by(FraudProgram(tuple(made), {})) == [
        Wanted("earned", "points", "partner", "event"),
        Wanted("earned", "points", "tier", "day"),
    ]
    with pytest.raises(NoCohortSignals, match="nothing to measure"):
        wanted_by(None)


def test_windows_are_whole_days_of_the_programmes_zone_whatever_the_clocks_do() -> None:
    calendar: Calendar = program(zone="Europe/Berlin").calendar

    window = last_days(calendar, 2, ms("2026-03-30T01:00:00"))
    assert (window.since_ms, window.until_ms) == (ms("2026-03-27T23:00:00"), ms("2026-03-29T22:00:00"))


def test_the_same_ledger_gives_the_same_baselines_and_the_file_brings_them_back(tmp_path: Path) -> None:
    first, second = baselines_of(sketches_of(60, 70), WINDOW, 50), baselines_of(sketches_of(60, 70), WINDOW, 50)
    assert first == second
    path = tmp_path / "baselines.json"
    path.write_text(json.dumps(to_json(first)))

    read = read_file(path, "ada", "weekly")
    assert (read.author, read.reason) == ("ada", "weekly")
    assert (read.baseline_id, read.cohorts, read.points) == (first.baseline_id, first.cohorts, first.points)
    assert (read.since_ms, read.until_ms, read.permille) == (WINDOW.since_ms, WINDOW.until_ms, first.permille)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["cohorts"][0].update(members=10_000), "was changed since it was measured"),
        (lambda content: content["cohorts"][0]["points"].append(1), "was changed since it was measured"),
        (lambda content: content.update(since="soon"), "measure it anew"),
        (lambda content: content["cohorts"][0].pop("unit"), "'unit'.* is missing"),
        (lambda content: content.pop("permille"), "must hold baseline_id, since, until, permille, cohorts"),
    ],
)
def test_a_file_that_is_not_as_it_was_measured_is_refused(tmp_path: Path, change: object, said: str) -> None:
    content = to_json(baselines_of(sketches_of(60), WINDOW, 50))
    change(content)  # type: ignore[operator]
    path = tmp_path / "baselines.json"
    path.write_text(json.dumps(content))

    with pytest.raises(BadBaselines, match=said):
        read_file(path, "ada", "")
    path.write_text("{")
    with pytest.raises(BadBaselines, match="is not JSON"):
        read_file(path, "ada", "")
