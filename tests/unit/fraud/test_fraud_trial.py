"""The trial of fraud signals: a small world of labelled attackers and honest members, run as the report runs it."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.fraud import signals_digest
from pipeline.cli.main import cli
from pipeline.core.payloads import RedemptionRequested
from pipeline.fraud.figures import BANDS, EDGES, SIGNAL_FILES, Figures, HonestFigures, measure
from pipeline.fraud.honest import ODD
from pipeline.fraud.page import page
from pipeline.fraud.person import COFFEE, COFFEE_POINTS, VOUCHERS
from pipeline.fraud.trial import fates
from pipeline.fraud.world import KINDS, ORDINARY, log_of, people
from pipeline.program import compile_bundle, load_program

ROOT = Path(__file__).resolve().parents[3]
GUARDED = ROOT / "programs" / "guarded"
REPORTS = [ROOT / "docs" / name for name in ("fraud-report.md", "fraud-report-real.md")]
CUSTOMERS, ATTACKERS, SEED = 700, 6, 21


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(load_program(GUARDED), (SEED,), None, CUSTOMERS, ATTACKERS)


def test_a_seed_gives_the_same_world_again_and_another_one_another() -> None:
    def told(seed: int) -> list[tuple[str, str, int]]:
        return [(one.event_id, one.member_id, one.occurred_at_ms) for one in log_of(people(None, 200, 1, seed))]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_every_kind_of_attacker_and_of_odd_member_is_there_and_labelled() -> None:
    everybody = people(None, CUSTOMERS, ATTACKERS, SEED)
    attackers = [person for person in everybody if not person.honest]

    assert len(KINDS) >= 10
    assert {person.kind for person in attackers} == KINDS.keys()
    assert {person.kind for person in everybody if person.honest} == {ORDINARY, *ODD}
    for person in attackers:
        own = {event.event_id: event for event in person.events}
        assert person.attack_ids <= own.keys()
        assert person.attack_ids or person.kind == "replays"
        assert all(own[event_id].recorded_at_ms >= person.attack_ms for event_id in person.attack_ids)
    assert not any(person.attack_ids for person in everybody if person.honest)


def test_what_a_member_redeems_beside_the_attack_is_not_taken_by_it() -> None:
    texts = tuple(file for file in load_program(GUARDED).files if file[0] not in SIGNAL_FILES)
    unguarded = compile_bundle(replace(load_program(GUARDED), files=texts))
    recommenders = [one for one in people(None, CUSTOMERS, ATTACKERS, SEED) if one.kind == "self-referral"]
    prices = {**VOUCHERS, COFFEE: COFFEE_POINTS}
    taken, beside = 0, 0
    for person in recommenders:
        for event in person.events:
            if isinstance(event.payload, RedemptionRequested) and event.occurred_at_ms >= person.attack_ms:
                price = prices[event.payload.reward_id]
                taken += price if event.event_id in person.attack_ids else 0
                beside += price if event.event_id not in person.attack_ids else 0

    assert beside > 0
    assert 0 < sum(fate.taken for fate in fates(recommenders, unguarded).values()) <= taken


def test_the_log_is_in_the_order_of_its_records() -> None:
    log = log_of(people(None, 200, 1, SEED))

    assert all(one.recorded_at_ms <= other.recorded_at_ms for one, other in pairwise(log))
    assert all(event.occurred_at_ms <= event.recorded_at_ms for event in log)


def test_intensities_overlap_with_what_honest_members_earn(figures: Figures) -> None:
    by_band = [sum(kind.attackers[band] for kind in figures.kinds.values()) for band in range(len(BANDS))]

    assert by_band[0] > 0, "some take less than an honest member earns"
    assert by_band[EDGES.index(10) + 1] > 0, "some take ten times as much"
    assert [sum(kind.attackers) for kind in figures.kinds.values()] == [ATTACKERS] * len(KINDS)


CAUGHT = (
    "redemption burst",
    "account takeover",
    "denied country",
    "structuring",
    "earning inflation",
    "clerk's own card",
    "replays",
    "bonus script",
)


def test_signals_stop_who_takes_much_and_leave_honest_members_alone(figures: Figures) -> None:
    """The report in small: what it says of many attackers must not be far off with few."""
    much = [figures.kinds[name] for name in CAUGHT]
    there = sum(sum(kind.attackers[3:]) for kind in much)

    assert there >= 8
    assert sum(sum(kind.stopped[3:]) for kind in much) / there >= 0.9
    assert figures.honest_stopped / figures.honest_members <= 0.01
    for kind in much:
        assert kind.taken_with <= kind.taken_without


def test_the_page_has_every_kind_with_the_targets_beside_it(figures: Figures) -> None:
    text = page(figures, "`guarded`", "generated purchases")

    for name, kind in figures.kinds.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        reached = kind.recall_at_target
        assert ("missed" in row) == (reached is not None and reached < 0.95)
    assert all(f"| {name} |" in text for name in (ORDINARY, *ODD))
    assert "under 0.1% of honest members" in text
    assert "target under 0.1%:" in text


def test_equally_many_stand_by_name_so_that_the_page_is_the_same_again(figures: Figures) -> None:
    def told(names: str) -> str:
        same = replace(figures, honest={ORDINARY: HonestFigures(9, 3, Counter(names))})
        (row,) = [line for line in page(same, "`guarded`", "").splitlines() if line.startswith(f"| {ORDINARY} |")]
        return row.split(" | ")[-1]

    assert told("cab") == told("bca") == "`a` 1, `b` 1, `c` 1 |"


def test_the_page_says_of_every_signal_whom_it_stopped(figures: Figures) -> None:
    lines = page(figures, "`guarded`", "generated purchases").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| `")]

    assert sorted(figures.signals) == [row[0].strip("| `") for row in rows]
    assert [int(row[1]) for row in rows] == [sum(figures.signals[name].kinds.values()) for name in figures.signals]
    for kind in KINDS:
        by_signals = {name: one.kinds[kind] for name, one in figures.signals.items() if one.kinds[kind]}
        assert by_signals == figures.kinds[kind].signals
    assert sum(one.alone for one in figures.signals.values()) <= sum(sum(one.stopped) for one in figures.kinds.values())


def test_the_command_tells_machines_the_same(tmp_path: Path) -> None:
    asked = ("fraud", "report", "--customers", "130", "--attackers", "1", "--seed", "5")
    told = CliRunner().invoke(cli, (*asked, "--json"), catch_exceptions=False)
    written = CliRunner().invoke(cli, (*asked, "--out", str(tmp_path / "page.md")), catch_exceptions=False)

    content = json.loads(told.stdout)
    assert content["kinds"].keys() == KINDS.keys()
    assert content["seeds"] == [5]
    assert written.exit_code == 0
    assert (tmp_path / "page.md").read_text().startswith("# What the signals catch")


def test_purchases_of_a_file_are_taken_and_too_few_of_them_refused(tmp_path: Path) -> None:
    rows = [f"c{number:04} 1997-0{1 + number % 9}-11 12.50" for number in range(40)]
    path = tmp_path / "bought.txt"
    path.write_text("\n".join(["customer_id date amount", *rows]) + "\n")

    ended = CliRunner().invoke(cli, ("fraud", "report", "--purchases", str(path), "--attackers", "9"))

    assert ended.exit_code == 1
    assert "40 customers are too few for 9 attackers a kind" in ended.output


def test_a_programme_without_signals_is_refused() -> None:
    ended = CliRunner().invoke(cli, ("fraud", "report", "--program", str(ROOT / "programs" / "bank")))

    assert ended.exit_code == 1
    assert "has no fraud.yaml" in ended.output


@pytest.mark.parametrize("report", REPORTS, ids=[report.stem for report in REPORTS])
def test_a_published_report_is_of_the_signals_as_they_are(report: Path) -> None:
    text = report.read_text()

    assert signals_digest(GUARDED) in text, "run `make fraud-report`, and again with PURCHASES"
    assert "seeds 1, 2, 3" in text, "thresholds are set on other seeds than those reported"


def test_the_sample_has_every_kind_of_signal_but_cohorts() -> None:
    fraud = compile_bundle(load_program(GUARDED)).fraud

    assert fraud is not None
    assert {"velocity", "spending", "history", "refunds", "learned", "partner"} <= {one.kind for one in fraud.signals}
    assert {"country", "travel", "place", "takeover"} <= {one.kind for one in fraud.signals}, "traits"
    assert {"members", "ring", "referral", "senders"} <= {one.kind for one in fraud.signals}, "across members"
    assert all(signal.live for signal in fraud.signals)
