"""The demo's script meets its fates, and the proof holds for a faultless run and finds what is wrong with others."""

import inspect
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_day import evidence, exported, scripted_day

from pipeline.core.reasons import DEAD_LETTER_REASONS
from pipeline.core.records import RewardDecision
from pipeline.demo.proof import Evidence, duplicates, prove, script_check
from pipeline.demo.script import DEAD, DUPLICATE, REFUSED, Step, departures
from pipeline.demo.stores import MemberState


@pytest.fixture
def day(tmp_path: Path) -> tuple[list[Step], Evidence]:
    _script, steps = scripted_day()
    return steps, evidence(steps, exported(steps, tmp_path / "log.jsonl"))


def failing(found: Evidence) -> dict[str, str]:
    return {check.name: check.found for check in prove(found) if not check.holds}


def test_the_script_goes_as_it_is_written(day: tuple[list[Step], Evidence]) -> None:
    steps, found = day

    assert departures(steps, found.outputs.decisions, found.outputs.letters) == []
    repeats = sum(step.expects == DUPLICATE for step in steps)
    assert duplicates(found.replay) == repeats >= 60


def test_the_script_brings_every_dead_letter_and_most_refusals() -> None:
    _script, steps = scripted_day()
    fates = Counter(step.expects for step in steps)

    # The shop neither converts currencies nor declares its custom events, and no partner has a feed there.
    elsewhere = {"no_exchange_rate", "undeclared_event", "undeclared_attribute", "mistyped_attribute"}
    elsewhere |= {"unknown_feed", "bad_signature", "not_mapped", "feed_limit", "feed_refused"}
    assert {fate.removeprefix(DEAD) for fate in fates if fate.startswith(DEAD)} == set(DEAD_LETTER_REASONS) - elsewhere
    assert sum(fate.startswith(REFUSED) for fate in fates) >= 14


def test_the_script_brings_every_dead_letter_with_one_partition_too(tmp_path: Path) -> None:
    _script, steps = scripted_day(partitions=1)
    found = evidence(steps, exported(steps, tmp_path / "log.jsonl", partitions=1))

    assert departures(steps, found.outputs.decisions, found.outputs.letters) == []


def test_a_departure_from_the_script_is_found(day: tuple[list[Step], Evidence]) -> None:
    steps, found = day
    found.outputs.decisions = [d for d in found.outputs.decisions if d.event_id != "demo-00001"]
    found.outputs.letters.pop()

    went_wrong = departures(steps, found.outputs.decisions, found.outputs.letters)

    assert any("expected applied, found nothing" in line for line in went_wrong)
    assert any("expected dead letter: " in line and line.endswith("found nothing") for line in went_wrong)
    check = script_check(went_wrong, Counter(step.expects for step in steps))
    assert not check.holds


def test_a_faultless_run_is_proved(day: tuple[list[Step], Evidence]) -> None:
    _steps, found = day

    assert failing(found) == {}


def change_redis(found: Evidence) -> None:
    state = found.redis["live-adjusted"]
    found.redis["live-adjusted"] = state._replace(wallets={"points": (1, 0, 0, 0)})


def lose_in_postgres(found: Evidence) -> None:
    del found.postgres["live-adjusted"]


def change_balance(found: Evidence) -> None:
    found.outputs.balances["live-adjusted"].wallets[0].available += 1


def repeat_an_entry(found: Evidence) -> None:
    found.outputs.audit.repeated.add("member x, entry 4: is there twice")


def decide_otherwise(found: Evidence) -> None:
    decision = found.outputs.decisions[0]
    fields = {name: getattr(decision, name) for name in inspect.signature(RewardDecision).parameters}
    found.outputs.decisions[0] = RewardDecision(**{**fields, "program_hash": "0" * 64})


def lose_a_tier_change(found: Evidence) -> None:
    found.outputs.tier_changes.pop(0)


def command_twice(found: Evidence) -> None:
    found.outputs.commands.append(found.outputs.commands[0])


def derive_more(found: Evidence) -> None:
    found.outputs.derived.append(found.outputs.derived[0])


def other_detail(found: Evidence) -> None:
    found.outputs.letters[0].detail += "!"


def break_a_chain(found: Evidence) -> None:
    found.outputs.audit.broken_chains.add("member x, entry 4: its fields do not give its hash")


def lose_a_row(found: Evidence) -> None:
    found.postgres_ledger.entries -= 1


def overdraw(found: Evidence) -> None:
    found.outputs.audit.below_zero.add("member x, entry 4: stands at -1")


def leave_a_gap(found: Evidence) -> None:
    found.outputs.audit.gaps.add("member x, entry 4: follows entry 2")


def lose_an_input(found: Evidence) -> None:
    found.inputs.records.append((0, 999, ("nobody", "shop", "lost")))


def lose_an_unreadable_input(found: Evidence) -> None:
    found.inputs.records.append((0, 999, None))


def letter_twice(found: Evidence) -> None:
    found.outputs.letters.append(found.outputs.letters[0])


def redeem_without_confirmation(found: Evidence) -> None:
    found.outputs.audit.points_by_kind["redeem"] += 100


@pytest.mark.parametrize(
    ("wrong", "checks"),
    [
        (change_redis, {"I1"}),
        (lose_in_postgres, {"I1"}),
        (change_balance, {"I1", "I3"}),
        (repeat_an_entry, {"I2"}),
        (decide_otherwise, {"I3"}),
        (lose_a_tier_change, {"I3"}),
        (command_twice, {"I3"}),
        (derive_more, {"I3"}),
        (other_detail, {"I3"}),
        (break_a_chain, {"I4"}),
        (lose_a_row, {"I4"}),
        (overdraw, {"I5"}),
        (leave_a_gap, {"I6", "I3"}),
        (lose_an_input, {"I7"}),
        (lose_an_unreadable_input, {"I7"}),
        (letter_twice, {"I7", "I3"}),
        (redeem_without_confirmation, {"I8"}),
    ],
)
def test_the_proof_finds_what_is_wrong(
    day: tuple[list[Step], Evidence], wrong: Callable[[Evidence], None], checks: set[str]
) -> None:
    _steps, found = day
    wrong(found)

    assert set(failing(found)) == checks


def test_a_difference_names_the_member_and_both_stores(day: tuple[list[Step], Evidence]) -> None:
    _steps, found = day
    change_redis(found)
    found.redis["ghost"] = MemberState(1, "ab" * 32, "gold", {})

    told = failing(found)["I1"]

    assert told.startswith("2 faults: member ghost: Redis has seq 1 (abababab), tier 'gold', {}")
    assert "member-balances has nothing" in told
    assert "member live-adjusted: Redis has seq" in told
