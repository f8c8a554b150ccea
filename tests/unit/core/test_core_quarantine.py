"""Quarantine: a decision that fails stops its member alone; a release decides what was parked, in order."""

import pytest
from core_programs import (
    DAY_MS,
    Bench,
    Dead,
    Derived,
    Duplicate,
    Parked,
    Period,
    RewardDecision,
    Unit,
    moves,
    of,
    program,
    rule,
)

from pipeline.core.chain import chain_faults
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Output
from pipeline.core.payloads import CustomEvent, MemberQuarantined, Payload
from pipeline.core.program import Program, RuleTable
from pipeline.core.quarantine import QuarantineKey, quarantine_key

DATED = Unit("points", "floor", Period(0, 30 * DAY_MS))


class Poison:
    """A rule table that raises for purchases of `amount_minor`, until it is cured."""

    def __init__(self, *amounts_minor: int) -> None:
        self.amounts_minor = set(amounts_minor)

    def program(self, unit: Unit = DATED) -> Program:
        base = rule("base", unit)

        def match(
            _event: Event, payload: Payload, _member: Member, _errors: list[tuple[int, str]]
        ) -> list[tuple[int, int]]:
            amount_minor = getattr(payload, "amount_minor", 0)
            if amount_minor in self.amounts_minor:
                raise ZeroDivisionError(f"poison {amount_minor}")
            return [(0, amount_minor)]

        return program({"transaction_completed": RuleTable((base,), match)}, units=(unit,))


def poisoned(*amounts_minor: int, quarantined: frozenset[QuarantineKey] = frozenset()) -> tuple[Bench, Poison]:
    poison = Poison(*amounts_minor)
    return Bench(poison.program(), careful=True, quarantined=quarantined), poison


def news(outputs: list[Output]) -> MemberQuarantined:
    (derived,) = of(Derived, outputs)
    assert isinstance(derived.event.payload, MemberQuarantined)
    return derived.event.payload


def facts(bench: Bench) -> list[tuple[str, int, str, int, int]]:
    return [(one.kind, one.amount, one.event_id, one.occurred_at_ms, one.seq) for one in bench.entries]


def test_a_failing_decision_leaves_the_member_as_it_was_and_parks_the_record() -> None:
    bench, _ = poisoned(666)
    bench.buy("e1", 1_000)
    before = bench.member().to_tuple()

    outputs = bench.later(40 * DAY_MS).buy("e2", 666)

    assert [type(output) for output in outputs] == [Parked, Derived]
    payload = news(outputs)
    assert (payload.quarantined_event_id, payload.quarantined_source) == ("e2", "shop")
    assert (payload.quarantined_offset, payload.error) == (1, "ZeroDivisionError: poison 666")
    member = bench.member()
    assert (member.quarantined, member.parked, member.next_due_ms) == (True, 1, 0)
    member.quarantined, member.parked, member.next_due_ms, member.version = False, 0, before[0], before[2]
    assert member.to_tuple() == before


def test_a_failing_first_event_quarantines_a_member_that_has_no_state_yet() -> None:
    bench, _ = poisoned(666)

    bench.buy("e1", 666)

    assert (bench.member().quarantined, bench.member().enrolled_at_ms) == (True, 0)


def test_later_records_are_parked_and_other_members_go_on() -> None:
    bench, _ = poisoned(666)
    bench.buy("e1", 666)

    assert [type(output) for output in bench.buy("e2", 1_000)] == [Parked]
    assert moves(bench.buy("e1", 1_000, "other")) == [("earn", 10, "issued", "available")]
    assert bench.member().parked == 2


def test_a_duplicate_of_a_parked_record_is_a_duplicate_and_other_content_a_conflict() -> None:
    bench, _ = poisoned(666)
    bench.buy("e1", 666)
    bench.buy("e2", 1_000)

    assert [type(output) for output in bench.buy("e1", 666)] == [Duplicate]
    assert [type(output) for output in bench.buy("e2", 1_000)] == [Duplicate]
    assert of(Dead, bench.buy("e2", 999))[0].reason == "conflict"
    assert bench.member().parked == 2


def test_an_invalid_record_of_a_quarantined_member_is_not_parked() -> None:
    bench, _ = poisoned(666)
    bench.buy("e1", 666)

    assert of(Dead, bench.send("e2", CustomEvent("", {})))[0].reason == "missing_field"
    assert bench.member().parked == 1


def test_the_pipelines_own_news_of_it_is_not_parked_and_changes_nothing() -> None:
    bench, _ = poisoned(666)
    (derived,) = of(Derived, bench.buy("e1", 666))
    before = bench.member().to_tuple()

    outputs = bench.apply(derived.event)

    assert [type(output) for output in outputs] == [RewardDecision]
    assert bench.member().to_tuple() == before


def test_no_time_passes_for_a_quarantined_member() -> None:
    bench, _ = poisoned(666)
    bench.buy("e1", 1_000)
    bench.buy("e2", 666)

    bench.engine.tick("live", bench.now_ms + 60 * DAY_MS, 100)

    assert len(bench.entries) == 1


def test_released_records_are_decided_as_if_nothing_had_happened() -> None:
    """The same history without poison gives the same entries, due work in between included."""
    bench, poison = poisoned(666)
    healthy = Bench(Poison().program())
    for one in (bench, healthy):
        one.buy("e1", 1_000)
        one.later(10 * DAY_MS).buy("e2", 666)
        one.later(10 * DAY_MS).buy("e3", 2_000)
        one.later(15 * DAY_MS).buy("e4", 3_000)
        one.later(DAY_MS)
    poison.amounts_minor.clear()

    bench.release("release")
    healthy.enrol()

    assert facts(bench) == facts(healthy)
    assert [one.kind for one in bench.entries] == ["earn", "earn", "earn", "expire", "earn"]
    member = bench.member()
    assert (member.quarantined, member.parked, member.parked_from) == (False, 0, 0)
    assert (member.next_due_ms, member.clock_ms) == (healthy.member().next_due_ms, healthy.member().clock_ms)
    assert chain_faults(bench.entries) == []


def test_the_release_comes_last_and_is_itself_decided() -> None:
    bench, poison = poisoned(666)
    bench.buy("e1", 666)
    bench.buy("e2", 1_000)
    poison.amounts_minor.clear()

    outputs = bench.later(40 * DAY_MS).release("release")

    assert [one.event_id for one in of(RewardDecision, outputs)] == ["e1", "e2", "release"]
    for number in (0, 1):
        with pytest.raises(KeyError):
            bench.state.parked("m", number)
    assert moves(outputs)[-2:] == [("expire", 6, "available", "expired"), ("expire", 10, "available", "expired")]
    assert [type(output) for output in bench.release("release")] == [Duplicate]


def test_a_record_that_fails_again_quarantines_again_with_the_rest_still_parked() -> None:
    bench, poison = poisoned(666, 777)
    bench.buy("e1", 666)
    bench.buy("e2", 1_000)
    bench.buy("e3", 777)
    bench.buy("e4", 2_000)
    poison.amounts_minor.remove(666)

    outputs = bench.release("first")

    assert moves(outputs) == [("earn", 6, "issued", "available"), ("earn", 10, "issued", "available")]
    payload = news(outputs)
    assert (payload.quarantined_event_id, payload.released_by) == ("e3", "first")
    member = bench.member()
    assert (member.quarantined, member.parked, member.parked_from) == (True, 2, 2)
    assert of(RewardDecision, outputs)[-1].event_id == "first"

    bench.buy("e5", 3_000)
    poison.amounts_minor.clear()
    outputs = bench.release("second")

    assert [entry.event_id for entry in bench.entries] == ["e1", "e2", "e3", "e4", "e5"]
    assert (bench.member().quarantined, bench.member().parked, bench.member().parked_from) == (False, 0, 0)
    assert bench.buy("e6", 1_000)
    assert [entry.seq for entry in bench.entries] == [1, 2, 3, 4, 5, 6]


def test_failing_twice_at_releases_derives_two_different_events() -> None:
    bench, _ = poisoned(666)
    events = [of(Derived, bench.buy("e1", 666))[0].event]
    events += [of(Derived, bench.release(f"release-{number}"))[0].event for number in range(2)]

    assert len({event.event_id for event in events}) == 3
    assert [quarantine_key(event) for event in events] == [
        ("m", "shop", "e1", ""),
        ("m", "shop", "e1", "release-0"),
        ("m", "shop", "e1", "release-1"),
    ]


def test_a_release_of_a_member_that_is_not_quarantined_is_refused() -> None:
    bench, _ = poisoned()
    bench.enrol()
    bench.release("release")

    assert bench.reason == "not_quarantined"


def test_a_replay_stands_still_where_the_first_run_did_whatever_the_core_can_do_now() -> None:
    """The first run fails at e2 and again at its release; the replay has no poison and gives the same outputs."""
    first, poison = poisoned(666)

    def history(bench: Bench, cure: Poison | None) -> None:
        bench.buy("e1", 1_000)
        bench.buy("e2", 666)
        bench.later(10 * DAY_MS).buy("e3", 2_000)
        bench.release("release-1")
        bench.later(25 * DAY_MS).buy("e4", 3_000)
        if cure is not None:
            cure.amounts_minor.clear()
        bench.release("release-2")

    history(first, poison)
    known = frozenset(quarantine_key(one.event) for one in first.of(Derived))
    replay, _ = poisoned(quarantined=known)
    history(replay, None)

    assert len(known) == 2
    assert facts(replay) == facts(first)
    assert [type(one) for one in replay.out.journal] == [type(one) for one in first.out.journal]
    assert replay.member().to_tuple() == first.member().to_tuple()


def broken_wallet(bench: Bench) -> None:
    """Points that the wallet's sums do not know of: their expiry breaks an invariant."""
    bench.wallet().available = 0


def test_due_work_that_fails_in_a_tick_quarantines_its_member_alone() -> None:
    bench, _ = poisoned()
    bench.buy("e1", 1_000)
    bench.buy("e1", 1_000, "other")
    broken_wallet(bench)

    assert bench.engine.tick("live", bench.now_ms + 40 * DAY_MS, 100)

    assert [entry.member_id for entry in bench.entries] == ["m", "other", "other"]
    payload = news(bench.out.journal)
    assert payload.quarantined_event_id == f"tick:{bench.now_ms + 40 * DAY_MS}"
    assert payload.quarantined_offset == -1
    assert payload.error.startswith("AssertionError: available points below zero")
    assert (bench.member().quarantined, bench.member().parked) == (True, 0)


def test_a_release_whose_due_work_fails_again_quarantines_again() -> None:
    bench, _ = poisoned()
    bench.buy("e1", 1_000)
    broken_wallet(bench)
    bench.engine.tick("live", bench.now_ms + 40 * DAY_MS, 100)

    outputs = bench.later(40 * DAY_MS).release("release-1")
    assert news(outputs).released_by == "release-1"
    assert bench.member().quarantined

    bench.wallet().available = 10
    outputs = bench.release("release-2")
    assert moves(outputs) == [("expire", 10, "available", "expired")]
    assert not bench.member().quarantined


def test_without_care_a_failing_decision_raises() -> None:
    bench = Bench(Poison(666).program())

    with pytest.raises(ZeroDivisionError, match="poison 666"):
        bench.buy("e1", 666)
