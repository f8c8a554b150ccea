"""The engine's order of things: duplicates, conflicts, validity, decisions, programs by time."""

import pytest
from core_programs import (
    DAY_MS,
    HOUR_MS,
    Bench,
    Dead,
    Duplicate,
    Limit,
    Reward,
    RewardDecision,
    Unit,
    ms,
    of,
    program,
    rule,
    table,
)

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import (
    CustomEvent,
    ProgramActivated,
    TransactionCompleted,
)
from pipeline.core.ports import UnknownProgram

# ---- duplicates


def test_the_same_event_again_is_a_duplicate_and_changes_nothing() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    before = bench.member().to_tuple()

    outputs = bench.later(HOUR_MS).send(
        "e1", TransactionCompleted("order-e1", 1_000, "EUR", "", "", "", []), occurred_at_ms=bench.now_ms - HOUR_MS
    )

    assert [type(output) for output in outputs] == [Duplicate]
    assert bench.member().to_tuple() == before


def test_the_same_id_with_other_content_is_a_conflict() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    before = bench.member().to_tuple()

    (dead,) = of(Dead, bench.buy("e1", 1_001))

    assert (dead.reason, dead.event_id) == ("conflict", "e1")
    assert bench.member().to_tuple() == before


def test_trace_context_is_not_content() -> None:
    bench = Bench()
    payload = CustomEvent("review_written", {})
    bench.apply(Event("e1", "m", bench.now_ms, "shop", "00-aa", {}, payload, bench.now_ms))

    outputs = bench.apply(Event("e1", "m", bench.now_ms, "shop", "00-bb", {}, payload, bench.now_ms + 1))

    assert [type(output) for output in outputs] == [Duplicate]


def test_ids_are_told_apart_by_member_and_source() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)

    bench.send("e1", TransactionCompleted("o2", 1_000, "EUR", "", "", "", []), source="till")
    bench.buy("e1", 1_000, "other")

    assert [(entry.member_id, entry.source) for entry in bench.entries] == [
        ("m", "shop"),
        ("m", "till"),
        ("other", "shop"),
    ]


def test_a_refused_events_id_enters() -> None:
    bench = Bench()
    bench.redeem("r1")
    assert bench.reason == "unknown_reward"

    assert [type(output) for output in bench.redeem("r1")] == [Duplicate]


def test_an_invalid_events_id_does_not_enter_so_that_it_can_be_driven_again() -> None:
    bench = Bench()
    bench.send("e1", CustomEvent("", {}))
    assert bench.reason == "missing_field"

    bench.send("e1", CustomEvent("", {}))
    assert bench.reason == "missing_field"
    bench.send("e1", CustomEvent("review_written", {}))
    assert bench.reason == ""


def test_an_id_is_forgotten_by_the_members_clock_after_the_horizon() -> None:
    short = Horizons(duplicates_ms=2 * DAY_MS, past_ms=DAY_MS, future_ms=300_000)
    bench = Bench(horizons=short)
    payload = CustomEvent("review_written", {})
    start = bench.now_ms
    bench.send("e1", payload)

    bench.later(2 * DAY_MS).send("e1", payload, occurred_at_ms=start)
    assert isinstance(bench.out.journal[-1], Duplicate)
    bench.later(1).send("e1", payload, occurred_at_ms=start)
    assert bench.reason == "occurred_too_long_ago"


def test_it_is_the_members_clock_that_forgets_not_an_older_records_timestamp() -> None:
    short = Horizons(duplicates_ms=2 * DAY_MS, past_ms=DAY_MS, future_ms=300_000)
    bench = Bench(horizons=short)
    payload = CustomEvent("review_written", {})
    start = bench.now_ms
    bench.send("e1", payload)
    bench.later(2 * DAY_MS + 1).send("e2", payload)

    bench.later(-1_000).send("e1", payload, occurred_at_ms=start)

    assert bench.reason == "occurred_too_long_ago"


def test_an_event_can_never_outlive_the_memory_of_its_id() -> None:
    with pytest.raises(ValueError, match="duplicates_ms is 86400000 and must be at least"):
        Horizons(duplicates_ms=DAY_MS, past_ms=DAY_MS)
    with pytest.raises(ValueError, match="activation_lead_ms is 0 and must be at least future_ms"):
        Horizons(activation_lead_ms=0)


# ---- decisions


def test_every_decided_event_has_one_decision_record() -> None:
    bench = Bench()
    bench.buy("e1", 1_000)
    bench.redeem("r1")

    first, second = bench.of(RewardDecision)

    assert (first.event_id, first.event_type, first.outcome, first.reason) == (
        "e1", "transaction_completed", "applied", ""
    )  # fmt: skip
    assert (second.event_id, second.event_type, second.outcome, second.reason) == (
        "r1", "redemption_requested", "refused", "unknown_reward"
    )  # fmt: skip
    assert (first.program_hash, first.source, first.member_id) == ("p" * 64, "shop", "m")


def test_a_refused_event_changes_nothing_but_the_clock() -> None:
    rewards = [Reward("voucher", Unit("points", "floor", program().default_unit.expires), 10**6, "house", (), ())]
    bench = Bench(program(rewards=rewards))
    bench.buy("e1", 1_000)
    before = bench.member().to_tuple()

    bench.later(HOUR_MS).redeem("r1")

    after = bench.member()
    assert bench.reason == "insufficient_points"
    assert (after.clock_ms, after.version) == (bench.now_ms, before[2] + 1)
    after.clock_ms, after.version = before[5], before[2]
    assert after.to_tuple() == before


# ---- programs by time


def two_programs() -> Bench:
    old = program(program_hash="a" * 64)
    new = program({"transaction_completed": table(rule(rate=(2, 1)))}, program_hash="b" * 64)
    return Bench(old, new)


def test_events_are_decided_under_the_program_of_the_time_they_occurred() -> None:
    bench = two_programs()
    effective = bench.now_ms + DAY_MS
    bench.engine.activate(ProgramActivated("b" * 64, effective, "ada", ""), bench.now_ms)

    bench.later(2 * DAY_MS)
    bench.buy("late", 1_000, occurred_at_ms=effective - 1)
    bench.buy("e1", 1_000, occurred_at_ms=effective)

    assert [(entry.program_hash[0], entry.amount) for entry in bench.entries] == [("a", 10), ("b", 20)]


def test_activations_may_arrive_in_any_order_of_their_effective_times() -> None:
    bench = two_programs()
    start = bench.now_ms
    bench.engine.activate(ProgramActivated("a" * 64, start + 10 * DAY_MS, "ada", ""), start)
    bench.engine.activate(ProgramActivated("b" * 64, start + 5 * DAY_MS, "ada", ""), start)

    bench.later(20 * DAY_MS)
    for number, days in enumerate((1, 6, 11)):
        bench.buy(f"e{number}", 1_000, occurred_at_ms=start + days * DAY_MS)

    assert [entry.program_hash[0] for entry in bench.entries] == ["a", "b", "a"]


def test_only_the_first_activation_may_be_backdated() -> None:
    bench = two_programs()
    lead = Horizons().activation_lead_ms
    bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + lead - 1, "ada", ""), bench.now_ms)
    assert bench.reason == "activation_too_late"
    assert bench.state.activations() == [(0, "a" * 64)]

    bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + lead, "ada", ""), bench.now_ms)
    assert bench.state.activations() == [(0, "a" * 64), (bench.now_ms + lead, "b" * 64)]


def test_a_repeated_activation_changes_nothing() -> None:
    bench = two_programs()

    bench.engine.activate(ProgramActivated("a" * 64, 0, "ada", ""), bench.now_ms)

    assert bench.state.activations() == [(0, "a" * 64)]
    assert bench.out.journal == []


def test_an_unknown_program_is_waited_for_and_changes_nothing() -> None:
    bench = Bench()

    with pytest.raises(UnknownProgram):
        bench.engine.activate(ProgramActivated("x" * 64, bench.now_ms + DAY_MS, "ada", ""), bench.now_ms)

    assert bench.state.activations() == [(0, "p" * 64)]


@pytest.mark.parametrize("careful", [False, True])
def test_an_event_whose_program_is_not_there_yet_waits_and_quarantines_nobody(careful: bool) -> None:
    bench = Bench(careful=careful)
    bench.state.put_activations([(0, "x" * 64)])

    with pytest.raises(UnknownProgram):
        bench.buy("e1", 1_000)

    assert (bench.state.members, bench.out.journal) == ({}, [])


def test_an_event_before_the_first_program_goes_to_dead_letters() -> None:
    bench = Bench(effective_at_ms=ms("2026-01-10"))
    bench.buy("e1", 1_000, occurred_at_ms=ms("2026-01-09"))

    assert bench.reason == "no_program"
    assert "m" not in bench.state.members


def test_due_work_goes_under_the_program_of_its_due_time() -> None:
    bench = two_programs()
    bench.adjust("a1", 5)
    bench.wallet().lots[0].expires_at_ms = bench.member().next_due_ms = bench.now_ms + 2 * DAY_MS
    bench.state.put_member(bench.member())
    bench.engine.activate(ProgramActivated("b" * 64, bench.now_ms + DAY_MS, "ada", ""), bench.now_ms)

    bench.later(3 * DAY_MS).buy("late", 100, occurred_at_ms=bench.now_ms - 3 * DAY_MS)

    assert [(entry.kind, entry.program_hash[0]) for entry in bench.entries] == [
        ("adjust", "a"),
        ("expire", "b"),
        ("earn", "a"),
    ]


# ---- limits keep nothing of other members


def test_members_share_nothing() -> None:
    capped = {"transaction_completed": table(rule(limits=(Limit(10, 0, "ever"),), first_only=True, cooldown_ms=DAY_MS))}
    bench = Bench(program(capped))

    for member_id in ("a", "b"):
        bench.buy("e1", 1_000, member_id, order_id="o")

    assert [entry.amount for entry in bench.entries] == [10, 10]
    assert [entry.seq for entry in bench.entries] == [1, 1]
