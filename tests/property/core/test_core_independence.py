"""What a member gets depends on its own and on control records alone: not on partitions, ticks, repeats or defects."""

from __future__ import annotations

from core_histories import START_MS, full_program, histories
from core_programs import DAY_MS, HOUR_MS, Bench, FixedPrograms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Parked
from pipeline.core.payloads import Payload, ProgramActivated, Tick
from pipeline.core.program import Program, RuleTable
from pipeline.core.simulate import Simulation

quietly = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
ACTIVATION = ProgramActivated("p" * 64, 0, "test", "")


def place(member_id: str, seed: int, partitions: int) -> int:
    """Any assignment of members to partitions."""
    number = 0
    for letter in member_id:
        number = number * (seed + 7) + ord(letter)
    return number % partitions


def simulated(events: list[Event], partitions: int, seed: int, tick_every_ms: int = 0) -> Simulation:
    simulation = Simulation(
        FixedPrograms(full_program()), partitions, lambda member_id: place(member_id, seed, partitions)
    )
    simulation.take_everywhere(START_MS, ACTIVATION)
    tick_ms = START_MS
    for offset, event in enumerate(events):
        while tick_every_ms and tick_ms < event.recorded_at_ms:
            simulation.take_everywhere(tick_ms, Tick("live"))
            tick_ms += tick_every_ms
        simulation.take(place(event.member_id, seed, partitions), offset, event.recorded_at_ms, event)
    return simulation


@quietly
@given(histories(), st.integers(1, 9), st.integers(0, 1_000), st.sampled_from([0, 5 * HOUR_MS, 9 * DAY_MS]))
def test_any_number_of_partitions_and_ticks_gives_the_same_result(
    events: list[Event], partitions: int, seed: int, tick_every_ms: int
) -> None:
    one = simulated(events, 1, 0)
    many = simulated(events, partitions, seed, tick_every_ms)
    for simulation in (one, many):
        simulation.snapshot(START_MS + 2_000 * DAY_MS)

    left, right = one.result(), many.result()

    assert left.digest == right.digest
    assert left.to_json()["snapshots"] == right.to_json()["snapshots"]
    assert [change.change_id for change in left.tier_changes] == [change.change_id for change in right.tier_changes]
    assert left.commands == right.commands


@quietly
@given(histories(), st.data())
def test_members_may_be_interleaved_in_any_way(events: list[Event], data: st.DataObject) -> None:
    """Without control records only the order of a member's own counts: one whole member after the other will do."""
    own = [event for event in events if type(event.payload).__name__ != "ReferralAccepted"]
    order = data.draw(st.permutations(sorted({event.member_id for event in own})))
    by_member = sorted(own, key=lambda event: order.index(event.member_id))

    assert simulated(by_member, 1, 0).result().digest == simulated(own, 1, 0).result().digest


@quietly
@given(histories(), st.data())
def test_repeated_records_change_nothing(events: list[Event], data: st.DataObject) -> None:
    """Delivered at least once: any record again, any number of times, right away or days later."""
    repeated: list[Event] = []
    for index, event in enumerate(events):
        repeated.append(event)
        again = data.draw(st.lists(st.sampled_from(events[: index + 1]), max_size=2))
        repeated += [
            Event(
                one.event_id, one.member_id, one.occurred_at_ms, one.source, "", {}, one.payload, event.recorded_at_ms
            )
            for one in again
            if event.recorded_at_ms - one.recorded_at_ms < 80 * DAY_MS
        ]

    assert simulated(repeated, 1, 0).result().to_json() == simulated(events, 1, 0).result().to_json()


def poisoned(healthy: Program, poison: set[str]) -> Program:
    """The same program, whose rules raise for the named events until the set is emptied."""
    base = healthy.rules["transaction_completed"]

    def match(event: Event, payload: Payload, member: Member, errors: list[tuple[int, str]]) -> list[tuple[int, int]]:
        if event.event_id in poison:
            raise ArithmeticError(event.event_id)
        return base.match(event, payload, member, errors)

    healthy.rules["transaction_completed"] = RuleTable(base.rules, match)
    return healthy


@quietly
@given(histories(), st.sets(st.integers(0, 39), min_size=1, max_size=3), st.integers(1, 3))
def test_a_defect_quarantines_and_a_release_catches_up_exactly(
    events: list[Event], poison: set[int], releases: int
) -> None:
    """After all releases every entry, hash included, is as if the defect had never been."""
    names = {f"e{number}" for number in poison}
    healthy, ailing = Bench(full_program(), careful=True), Bench(poisoned(full_program(), names), careful=True)
    members = sorted({event.member_id for event in events})
    for bench in (healthy, ailing):
        for event in events:
            bench.now_ms = event.recorded_at_ms
            bench.apply(event)
        bench.later(HOUR_MS)
    stopped = {parked.event.member_id for parked in ailing.of(Parked)}

    for number in range(releases):
        if number == releases - 1:
            names.clear()
        for bench in (healthy, ailing):
            for member_id in sorted(stopped):
                bench.release(f"release-{number}", member_id)
    while left := [one for one in sorted(stopped) if ailing.state.members[one].quarantined]:
        for bench in (healthy, ailing):
            for member_id in left:
                bench.release(f"late-release-{ailing.offset}", member_id)

    for member_id in members:
        mine = [[entry for entry in bench.entries if entry.member_id == member_id] for bench in (healthy, ailing)]
        assert mine[0] == mine[1]
    for member_id, member in healthy.state.members.items():
        other = ailing.state.members[member_id]
        assert (other.wallets, other.tier, other.next_due_ms) == (member.wallets, member.tier, member.next_due_ms)
        assert (other.windows.keys(), other.awarded_at_ms) == (member.windows.keys(), member.awarded_at_ms)
