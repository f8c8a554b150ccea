"""Simulation: the pipeline's outputs without Kafka, as one JSON value; the same for any number of partitions."""

import json
from zlib import crc32

import pytest
from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    FixedPrograms,
    Limit,
    Period,
    Reward,
    Tier,
    Unit,
    ms,
    program,
    rule,
    table,
)

from pipeline.core.campaigns import Budget, Campaign
from pipeline.core.events import Event
from pipeline.core.payloads import (
    Payload,
    ProgramActivated,
    RedemptionRequested,
    ReferralAccepted,
    Tick,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.core.simulate import Simulation

START = ms("2026-01-31T10:00:00")
UNIT = Unit("points", "floor", Period(1, 0))
ACTIVATION = ProgramActivated("p" * 64, 0, "test", "")


def programme() -> Program:
    return program(
        {
            "transaction_completed": table(rule("base", UNIT, pending=Period(0, DAY_MS))),
            "referral_joined": table(rule("joined", UNIT, fixed=5, limits=(Limit(0, 1, "ever"),))),
        },
        units=(UNIT, Unit("miles", "floor", Period(0, 0))),
        tiers=(Tier("bronze", 0, 100), Tier("silver", 10, 100)),
        rewards=[Reward("house", UNIT, 3, "house", (), ()), Reward("mug", UNIT, 4, "external", (), ())],
    )


def event(event_id: str, payload: Payload, at_ms: int = START, member_id: str = "m") -> Event:
    return Event(event_id, member_id, at_ms, "shop", "", {}, payload, at_ms)


def purchase(event_id: str, amount_minor: int, at_ms: int = START, member_id: str = "m") -> Event:
    return event(
        event_id, TransactionCompleted(f"order-{event_id}", amount_minor, "EUR", "", "", "", []), at_ms, member_id
    )


def started(partitions: int = 1, *, relay: bool = True) -> Simulation:
    simulation = Simulation(
        FixedPrograms(programme()), partitions, lambda member_id: crc32(member_id.encode()) % partitions, relay=relay
    )
    simulation.take_everywhere(START, ACTIVATION)
    return simulation


def take(simulation: Simulation, partitions: int, events: list[Event]) -> None:
    for offset, one in enumerate(events):
        simulation.take(crc32(one.member_id.encode()) % partitions, offset, one.recorded_at_ms, one)


def test_the_result_has_the_documented_shape_and_is_json() -> None:
    simulation = started()
    take(simulation, 1, [
        purchase("e1", 1_200),
        event("bad", TransactionRefunded("order-e1", 0, "EUR", "")),
        event("no", RedemptionRequested("r", "yacht", 1, "")),
        event("r1", RedemptionRequested("r1", "mug", 1, ""), START + DAY_MS),
    ])  # fmt: skip
    simulation.reject(0, "lost", "undecodable", "3 bytes left over")
    simulation.snapshot(ms("2026-03-02"))

    result = simulation.result().to_json()

    assert json.loads(json.dumps(result)) == result
    assert list(result) == [
        "members", "entries", "tier_changes", "fulfillments", "rejections", "waiting", "notes",
        "alerts", "reviews", "snapshots", "digest"
    ]  # fmt: skip
    member = {
        "wallets": {
            "points": {"available": 0, "pending": 0, "held": 4},
            "miles": {"available": 0, "pending": 0, "held": 0},
        },
        "tier": "silver",
        "seq": 4,
    }
    assert result["members"] == {"m": member}
    assert result["snapshots"] == [{"at": "2026-03-02T00:00:00Z", "members": {"m": member}}]
    assert result["rejections"] == [
        {"event_id": "bad", "reason": "out_of_range"},
        {"event_id": "no", "reason": "unknown_reward"},
        {"event_id": "lost", "reason": "undecodable"},
    ]
    assert result["alerts"] == []
    entries = result["entries"]
    assert isinstance(entries, list)
    assert [(one["kind"], one["amount"], one["occurred_at"]) for one in entries] == [
        ("earn", 12, "2026-01-31T10:00:00Z"),
        ("release", 12, "2026-02-01T10:00:00Z"),
        ("hold", 4, "2026-02-01T10:00:00Z"),
        ("expire", 8, "2026-03-01T10:00:00Z"),
    ]


def test_a_snapshot_does_what_is_due_by_its_time_and_no_more() -> None:
    simulation = started()
    take(simulation, 1, [purchase("e1", 1_000)])

    simulation.snapshot(START + DAY_MS - 1)
    simulation.snapshot(START + DAY_MS)

    first, second = (members["m"].wallets["points"] for _, members in simulation.result().snapshots)
    assert (first, second) == ((0, 10, 0, 0), (10, 0, 0, 0))


def test_the_house_confirms_and_an_external_provider_is_waited_for() -> None:
    simulation = started()
    take(simulation, 1, [
        purchase("e1", 1_000),
        event("r1", RedemptionRequested("r1", "house", 1, ""), START + DAY_MS),
        event("r2", RedemptionRequested("r2", "mug", 1, ""), START + DAY_MS),
    ])  # fmt: skip

    result = simulation.result()

    assert result.members["m"].wallets["points"] == (3, 0, 4, 0)
    assert [command.provider for command in result.commands] == ["house", "external"]


def test_derived_events_reach_the_other_member_on_another_partition() -> None:
    for partitions in (1, 7):
        simulation = started(partitions)
        take(simulation, partitions, [event("e1", ReferralAccepted("ref", "friend"))])

        assert simulation.result().members["friend"].wallets["points"] == (5, 0, 0, 0)


def test_derived_events_are_recorded_when_their_cause_was() -> None:
    simulation = started()
    late = Event("e1", "m", START - DAY_MS, "shop", "", {}, ReferralAccepted("ref", "friend"), START)
    take(simulation, 1, [late])

    (entry,) = simulation.result().entries

    assert (entry.member_id, entry.occurred_at_ms, entry.recorded_at_ms) == ("friend", START - DAY_MS, START)


def test_a_complete_log_is_taken_without_relay() -> None:
    simulation = started(relay=False)
    take(simulation, 1, [
        purchase("e1", 1_000),
        event("r1", RedemptionRequested("r1", "house", 1, ""), START + DAY_MS),
        event("e2", ReferralAccepted("ref", "friend"), START + DAY_MS),
    ])  # fmt: skip

    result = simulation.result()

    assert result.members["m"].wallets["points"] == (7, 0, 3, 0)
    assert list(result.members) == ["m"]


def test_a_wallet_in_debt_shows_it() -> None:
    unlimited = program(rewards=[Reward("house", FLOOR_POINTS, 10, "house", (), ())], clawback="unlimited")
    simulation = Simulation(FixedPrograms(unlimited))
    simulation.take_everywhere(START, ACTIVATION)
    take(simulation, 1, [
        purchase("e1", 1_000),
        event("r1", RedemptionRequested("r1", "house", 1, "")),
        event("f1", TransactionRefunded("order-e1", 1_000, "EUR", "")),
    ])  # fmt: skip

    assert simulation.result().members["m"].to_json()["wallets"] == {
        "points": {"available": 0, "pending": 0, "held": 0, "debt": 10}
    }


def test_ticks_change_when_due_work_is_done_but_not_the_digest() -> None:
    events = [purchase("e1", 1_000), purchase("e2", 1_000, START + 40 * DAY_MS)]
    quiet, ticking = started(), started()
    take(quiet, 1, events)
    take(ticking, 1, events[:1])
    for day in range(1, 40):
        ticking.take_everywhere(START + day * DAY_MS, Tick("live"))
    take(ticking, 1, events[1:])

    assert ticking.result().digest == quiet.result().digest
    assert len(quiet.result().entries) == 4


def test_whole_partitions_can_be_run_one_after_the_other() -> None:
    simulation = Simulation(FixedPrograms(programme()), 2, relay=False)

    simulation.run([
        [(0, START, ACTIVATION), (1, START, purchase("e1", 1_000))],
        [(0, START, ACTIVATION), (1, START, purchase("e1", 2_000, member_id="n"))],
    ])  # fmt: skip

    assert [entry.amount for entry in simulation.result().entries] == [10, 20]


def test_a_program_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(UnknownProgram):
        Simulation(FixedPrograms(programme())).take_everywhere(START, ProgramActivated("x" * 64, 0, "test", ""))


def test_what_waits_or_is_given_in_part_is_no_rejection() -> None:
    rules = {"transaction_completed": table(rule(campaign=Campaign("summer", None, (), Budget(12, 0))))}
    made = program(rules, rewards=[Reward("mug", UNIT, 4, "external", (), (), stock=1)])
    simulation = Simulation(FixedPrograms(made))
    simulation.take_everywhere(START, ACTIVATION)
    take(simulation, 1, [
        purchase("e1", 1_200),
        purchase("e2", 1_000),
        event("e3", RedemptionRequested("r1", "mug", 2, "")),
        event("e4", TransactionRefunded("later", 100, "EUR", "")),
        event("e5", RedemptionRequested("r2", "yacht", 1, "")),
    ])  # fmt: skip

    result = simulation.result()

    assert result.rejections == [("e5", "unknown_reward")]
    assert result.waiting == [
        ("e1", "waits_for:budget:summer"),
        ("e2", "waits_for:budget:summer"),
        ("e3", "waits_for_grant"),
        ("e4", "waits_for_order"),
    ]
    assert [reason for _event_id, reason in result.notes] == ["nothing_left", "partly_granted"]
    assert result.to_json()["notes"] == [{"event_id": one, "reason": reason} for one, reason in result.notes]
